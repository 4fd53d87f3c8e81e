//! Four-letter words: whom they cost what.

use std::time::{Duration, Instant};

use compat::client::{encoded, watch_body};
use compat::server::four_letter_word;
use wire::{AddWatchMode, AddWatchRequest, CreateMode, OpCode};

use crate::{Place, open};

const WORDS: [&str; 17] = [
    "conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr", "ruok", "srst",
    "stat", "stmk", "wchc", "wchp", "wchs",
];

/// CVE-2017-5637: anybody could keep the server busy with `wchp` and `wchc`. None is answered but `srvr` unless the
/// operator lists it.
#[test]
fn cve_2017_5637_words_are_answered_only_if_they_are_listed() {
    let place = Place::new().line("4lw.commands.whitelist=");
    let server = place.start();
    for word in WORDS {
        let answer = four_letter_word(server.addr(), word).unwrap();
        assert_eq!(answer, format!("{word} is not executed because it is not in the whitelist.\n"));
    }
    assert!(server.word("srvr").unwrap().contains("Mode: standalone"));
    let place = Place::new().line("4lw.commands.whitelist=ruok, mntr");
    let server = place.start();
    assert_eq!(server.word("ruok").unwrap(), "imok");
    assert!(server.word("wchp").unwrap().contains("not in the whitelist"));
}

/// Listed, they still must not stop the server.
#[test]
fn cve_2017_5637_costly_words_do_not_hold_up_clients() {
    const WATCHES: usize = 5_000;
    const ASKING: usize = 4;
    let place = Place::new();
    let server = place.start();
    let mut session = open(&server);
    let persistent = AddWatchMode::PersistentRecursive;
    let body = encoded(&AddWatchRequest { path: "/everything".into(), mode: persistent });
    session.call(OpCode::AddWatch, &body).unwrap();
    for n in 0..WATCHES {
        session.queue(OpCode::Exists, &watch_body(&format!("/watched-{n:09}"), true));
    }
    session.connection.flush().unwrap();
    (0..WATCHES).for_each(|_| drop(session.reply().unwrap()));
    let address = server.addr();
    let asking: Vec<_> = (0..ASKING)
        .map(|_| {
            std::thread::spawn(move || {
                let answers = (0..20).map(|round| {
                    let word = ["wchp", "wchc", "dump", "cons"][round % 4];
                    four_letter_word(address, word).unwrap().len()
                });
                answers.sum::<usize>()
            })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    let mut round = 0;
    while asking.iter().any(|thread| !thread.is_finished()) {
        let begun = Instant::now();
        session.create(&format!("/n{round}"), b"", CreateMode::Ephemeral).unwrap();
        slowest = slowest.max(begun.elapsed());
        round += 1;
    }
    for thread in asking {
        assert!(thread.join().unwrap() > 10 * WATCHES * "/watched-".len());
    }
    assert!(round > 0 && slowest < Duration::from_secs(5), "{slowest:?}");
}

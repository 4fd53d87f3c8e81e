//! Every configuration of the table does with our server what the table says.

use compat::configuration::{Case, Table, document, read};

fn table() -> Vec<Case> {
    Table::load().expect("the table can be read").case
}

#[test]
fn ours_does_what_the_table_says() {
    for case in table() {
        let (outcome, says) = read(&case).expect("the case can be read");
        assert_eq!(says, case.says, "{}", case.name);
        if case.at_start {
            assert!(outcome.starts_with("starts: "), "{}: {outcome}", case.name);
        } else {
            assert_eq!(outcome, case.ours, "{}", case.name);
        }
    }
}

#[test]
fn every_difference_from_java_has_a_reason() {
    for case in table() {
        let reason = case.why.as_deref().unwrap_or_default();
        assert_eq!(
            case.agrees(),
            reason.is_empty(),
            "{}: {} / {}: {reason}",
            case.name,
            case.java,
            case.ours
        );
    }
}

#[test]
fn the_table_is_large_and_every_file_is_in_it() {
    let cases = table();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/configuration/cases"))
        .expect("cases")
    {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        assert!(cases.iter().any(|case| case.name == name), "{name} is in no row");
    }
}

#[test]
fn the_document_shows_the_table_and_the_state_of_every_key() {
    let document = std::fs::read_to_string(document::path()).expect("the document");
    let made = document::render(&document, &Table::load().expect("the table"))
        .expect("all marks are there");
    assert!(made == document, "run: cargo run -p compat --example record_configuration -- --ours");
}

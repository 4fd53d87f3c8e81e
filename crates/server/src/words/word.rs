macro_rules! words {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $name:literal;)*) => {
        /// A four-letter word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Word {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl Word {
            /// Every word, by its letters.
            pub const ALL: &'static [Word] = &[$(Word::$variant,)*];

            /// The word that four bytes spell.
            #[must_use]
            pub const fn from_code(code: [u8; 4]) -> Option<Word> {
                match &code {
                    $($code => Some(Word::$variant),)*
                    _ => None,
                }
            }

            /// Its name, as in the whitelist.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Word::$variant => $name,)*
                }
            }
        }
    };
}

words! {
    /// The configuration.
    Conf = b"conf", "conf";
    /// The connections.
    Cons = b"cons", "cons";
    /// Reset the statistics of the connections.
    Crst = b"crst", "crst";
    /// Sizes of the directories.
    Dirs = b"dirs", "dirs";
    /// Sessions, ephemeral nodes, connections.
    Dump = b"dump", "dump";
    /// The environment.
    Envi = b"envi", "envi";
    /// The trace mask.
    Gtmk = b"gtmk", "gtmk";
    /// Digests of the tree.
    Hash = b"hash", "hash";
    /// Whether the server serves reads only.
    Isro = b"isro", "isro";
    /// The metrics.
    Mntr = b"mntr", "mntr";
    /// Whether the process is there.
    Ruok = b"ruok", "ruok";
    /// Reset the statistics of the server.
    Srst = b"srst", "srst";
    /// The state of the server.
    Srvr = b"srvr", "srvr";
    /// The state of the server and its connections, in short.
    Stat = b"stat", "stat";
    /// Set the trace mask.
    Stmk = b"stmk", "stmk";
    /// Watches by session.
    Wchc = b"wchc", "wchc";
    /// Watches by path.
    Wchp = b"wchp", "wchp";
    /// The number of watches.
    Wchs = b"wchs", "wchs";
    /// What telnet sends at Ctrl-C; the connection is closed without an answer.
    TelnetClose = b"\xff\xf4\xff\xfd", "telnet close";
}

impl Word {
    /// The word that a frame length spells; such a length is no frame's.
    #[must_use]
    pub const fn from_frame_len(len: i32) -> Option<Word> {
        Word::from_code(len.to_be_bytes())
    }

    /// The answer where the word is not in the whitelist.
    #[must_use]
    pub fn not_in_whitelist(self) -> String {
        format!("{} is not executed because it is not in the whitelist.\n", self.name())
    }

    /// The answer of a server that does not serve; none where the word is answered all the same.
    #[must_use]
    pub const fn not_serving(self) -> Option<&'static str> {
        match self {
            Word::Ruok | Word::Envi | Word::Gtmk | Word::Stmk | Word::Isro | Word::TelnetClose => {
                None
            }
            Word::Hash => Some("This ZooKeeper instance is not currently serving requests"),
            _ => Some("This ZooKeeper instance is not currently serving requests\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_recognised_as_a_frame_length() {
        assert_eq!(Word::from_frame_len(0x7275_6f6b), Some(Word::Ruok));
        assert_eq!(Word::from_frame_len(-720_899), Some(Word::TelnetClose));
        assert_eq!(Word::from_frame_len(44), None);
        assert_eq!(Word::from_code(*b"RUOK"), None);
        assert_eq!(Word::from_code(*b"kill"), None);
    }

    #[test]
    fn every_word_is_spelt_by_its_name() {
        for word in Word::ALL.iter().filter(|word| **word != Word::TelnetClose) {
            let code = word.name().as_bytes().try_into().unwrap();
            assert_eq!(Word::from_code(code), Some(*word));
        }
    }

    #[test]
    fn refusals_have_zookeeper_s_words() {
        assert_eq!(
            Word::Isro.not_in_whitelist(),
            "isro is not executed because it is not in the whitelist.\n"
        );
        assert_eq!(
            Word::TelnetClose.not_in_whitelist(),
            "telnet close is not executed because it is not in the whitelist.\n"
        );
        let text = "This ZooKeeper instance is not currently serving requests";
        assert_eq!(Word::Hash.not_serving(), Some(text));
        assert_eq!(Word::Srvr.not_serving().unwrap().strip_suffix('\n'), Some(text));
        assert_eq!(Word::Ruok.not_serving(), None);
    }
}

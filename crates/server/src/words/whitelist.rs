use super::word::Word;

/// The words that are answered (`4lw.commands.whitelist`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whitelist(u32);

impl Whitelist {
    /// Takes a comma list of names or `*`; `srvr` is always in it (`zkServer.sh status` needs it),
    /// and `isro` where the read-only mode is on (clients look for writable servers by it).
    #[must_use]
    pub fn parse(value: Option<&str>, read_only_enabled: bool) -> Self {
        Self::from_names(value.unwrap_or_default().split(','), read_only_enabled)
    }

    /// As [`Whitelist::parse`], from names that are already apart. Unknown names are ignored.
    pub fn from_names<'a>(
        names: impl IntoIterator<Item = &'a str>,
        read_only_enabled: bool,
    ) -> Self {
        let always =
            Self::of(Word::Srvr) | if read_only_enabled { Self::of(Word::Isro) } else { 0 };
        Self(names.into_iter().fold(always, |list, name| list | Self::named(name.trim())))
    }

    /// Whether the word is answered.
    #[must_use]
    pub const fn allows(self, word: Word) -> bool {
        self.0 & Self::of(word) != 0
    }

    fn named(name: &str) -> u32 {
        let matching = Word::ALL.iter().filter(|word| name == "*" || name == word.name());
        matching.fold(0, |list, word| list | Self::of(*word))
    }

    const fn of(word: Word) -> u32 {
        1 << word as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: Option<&str>, read_only: bool, expect: &[Word]) {
        let list = Whitelist::parse(value, read_only);
        let allowed: Vec<_> = Word::ALL.iter().copied().filter(|word| list.allows(*word)).collect();
        assert_eq!(allowed, expect, "{value:?}");
    }

    #[test]
    fn only_srvr_is_answered_by_default() {
        check(None, false, &[Word::Srvr]);
        check(Some(""), false, &[Word::Srvr]);
        check(None, true, &[Word::Isro, Word::Srvr]);
    }

    #[test]
    fn names_are_trimmed_and_unknown_ones_ignored() {
        check(Some("ruok, stat ,foo,,RUOK"), false, &[Word::Ruok, Word::Srvr, Word::Stat]);
        check(Some("telnet close"), false, &[Word::Srvr, Word::TelnetClose]);
    }

    #[test]
    fn a_star_anywhere_in_the_list_is_every_word() {
        check(Some("*"), false, Word::ALL);
        check(Some("stat, * ,foo"), false, Word::ALL);
    }
}

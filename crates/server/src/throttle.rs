use crate::config::ConnectionThrottle as Settings;

/// What a client wants that connects: sessions cost the server differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// A session.
    New,
    /// The session that it has.
    Renew,
}

/// Holds new sessions back: a bucket of tokens, of which each takes some, and a probability with
/// which clients are sent away while it is empty (BLUE: it rises while the bucket is found empty
/// and falls while it is found full).
///
/// Time and chance are handed in.
#[derive(Debug)]
pub(crate) struct ConnectionThrottle {
    settings: Settings,
    tokens_max: u64,
    fill_count: u64,
    tokens: u64,
    filled_ms: i64,
    frozen_ms: i64,
    drop_probability: f64,
}

impl ConnectionThrottle {
    /// A full bucket.
    pub(crate) fn new(settings: Settings, now_ms: i64) -> ConnectionThrottle {
        // With weights, the operator counts in new sessions.
        let unit = settings.weights.map_or(1, |weights| u64::from(weights.global_session));
        let tokens_max = u64::from(settings.tokens) * unit;
        ConnectionThrottle {
            tokens_max,
            fill_count: u64::from(settings.fill_count) * unit,
            tokens: tokens_max,
            filled_ms: now_ms,
            frozen_ms: now_ms,
            drop_probability: 0.0,
            settings,
        }
    }

    /// Whether the client may go on. `chance` is any number from 0 up to 1.
    pub(crate) fn admits(&mut self, errand: Errand, now_ms: i64, chance: f64) -> bool {
        if self.tokens_max == 0 {
            return true;
        }
        self.fill(now_ms);
        if self.is_unlucky(now_ms, chance) {
            return false;
        }
        let left = self.tokens.checked_sub(self.cost(errand));
        self.tokens = left.unwrap_or(self.tokens);
        left.is_some()
    }

    /// Tokens that the bucket lacks.
    pub(crate) fn deficit(&self) -> u64 {
        self.tokens_max - self.tokens
    }

    /// With which probability the next client is sent away whatever the bucket holds.
    pub(crate) fn drop_probability(&self) -> f64 {
        self.drop_probability
    }

    fn cost(&self, errand: Errand) -> u64 {
        let cost = self.settings.weights.map_or(1, |weights| match errand {
            Errand::New => weights.global_session,
            Errand::Renew => weights.renew_session,
        });
        cost.into()
    }

    fn fill(&mut self, now_ms: i64) {
        let fill_time_ms = u64::from(self.settings.fill_time_ms.max(1));
        let passed_ms = u64::try_from(now_ms - self.filled_ms).unwrap_or(0);
        if passed_ms > fill_time_ms {
            let fresh = passed_ms.saturating_mul(self.fill_count) / fill_time_ms;
            self.tokens = self.tokens.saturating_add(fresh).min(self.tokens_max);
            self.filled_ms = now_ms;
        }
    }

    fn is_unlucky(&mut self, now_ms: i64, chance: f64) -> bool {
        let Some(freeze_ms) = self.settings.freeze_time_ms else { return false };
        if now_ms - self.frozen_ms > freeze_ms.into() {
            self.frozen_ms = now_ms;
            if self.tokens == 0 {
                let more = self.drop_probability + self.settings.drop_increase;
                self.drop_probability = more.min(1.0);
            } else if self.is_relaxed() {
                let less = self.drop_probability - self.settings.drop_decrease;
                self.drop_probability = less.max(0.0);
            }
        }
        chance < self.drop_probability
    }

    fn is_relaxed(&self) -> bool {
        let part = |tokens: u64| u32::try_from(tokens).map_or(f64::MAX, f64::from);
        part(self.deficit()) <= (part(self.tokens_max) * self.settings.decrease_ratio).round()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConnectionWeights;

    fn settings(tokens: u32) -> Settings {
        Settings { tokens, fill_time_ms: 10, ..Settings::default() }
    }

    fn admitted(throttle: &mut ConnectionThrottle, now_ms: i64, tries: usize) -> usize {
        (0..tries).filter(|_| throttle.admits(Errand::New, now_ms, 0.5)).count()
    }

    #[test]
    fn without_tokens_everybody_is_let_in() {
        let mut throttle = ConnectionThrottle::new(settings(0), 0);
        assert_eq!(admitted(&mut throttle, 0, 1000), 1000);
        assert_eq!(throttle.deficit(), 0);
    }

    #[test]
    fn the_bucket_empties_and_fills_again_with_time() {
        let mut throttle = ConnectionThrottle::new(settings(3), 0);
        assert_eq!(admitted(&mut throttle, 0, 5), 3);
        assert_eq!(throttle.deficit(), 3);
        // Not before the interval is over.
        assert_eq!(admitted(&mut throttle, 10, 5), 0);
        assert_eq!(admitted(&mut throttle, 20, 5), 2);
        // Never more than it holds.
        assert_eq!(admitted(&mut throttle, 1_000_000, 5), 3);
    }

    #[test]
    fn weights_make_new_sessions_dearer_than_renewed_ones() {
        let weights = Some(ConnectionWeights::default());
        let mut throttle = ConnectionThrottle::new(Settings { weights, ..settings(2) }, 0);
        assert!(throttle.admits(Errand::New, 0, 0.0));
        assert!(throttle.admits(Errand::Renew, 0, 0.0));
        assert_eq!(throttle.deficit(), 5);
        assert!(!throttle.admits(Errand::Renew, 0, 0.0));
    }

    #[test]
    fn clients_are_dropped_the_likelier_the_longer_the_bucket_is_empty() {
        let blue = Settings {
            freeze_time_ms: Some(5),
            drop_increase: 0.4,
            drop_decrease: 0.4,
            fill_time_ms: 1_000,
            ..settings(1)
        };
        let mut throttle = ConnectionThrottle::new(blue, 0);
        assert_eq!(admitted(&mut throttle, 0, 2), 1);
        for (now_ms, probability) in [(6, 0.4), (10, 0.4), (12, 0.8), (18, 1.0), (24, 1.0)] {
            assert!(!throttle.admits(Errand::New, now_ms, 0.9));
            assert!((throttle.drop_probability() - probability).abs() < 1e-9, "at {now_ms}");
        }
        // A full bucket calms it down, one step each interval.
        assert!(!throttle.admits(Errand::New, 2_000, 0.5));
        assert!(throttle.admits(Errand::New, 2_010, 0.5));
        assert!((throttle.drop_probability() - 0.2).abs() < 1e-9);
    }
}

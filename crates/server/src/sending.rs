use std::sync::Arc;

use parking_lot::Mutex;

use crate::client::Client;

/// Clients that are sent to in one go: some 0.3 ms of work, which requests that come meanwhile wait
/// for.
const BATCH: usize = 64;

/// From how many on sending is shared: below, one thread is done before another has woken up.
const SHARED_MIN: usize = 4 * BATCH;

/// Clients that have something to be sent, when one change has told very many of them: for all
/// threads to help with.
#[derive(Debug, Default)]
pub(crate) struct Sending(Mutex<Vec<Arc<Client>>>);

impl Sending {
    /// Whether it is worth while to share them.
    pub(crate) fn is_for_all(clients: &[Arc<Client>]) -> bool {
        clients.len() >= SHARED_MIN
    }

    /// Leaves clients to whoever helps.
    pub(crate) fn share(&self, clients: impl Iterator<Item = Arc<Client>>) {
        self.0.lock().extend(clients);
    }

    /// Sends to a few of them; whether there were any.
    pub(crate) fn send_some(&self) -> bool {
        let batch = {
            let mut clients = self.0.lock();
            let rest = clients.len().saturating_sub(BATCH);
            clients.split_off(rest)
        };
        batch.iter().for_each(|client| client.flush());
        !batch.is_empty()
    }
}

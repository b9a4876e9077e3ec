use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

/// A value that a server hands out for a while: kept until shortly before it ends, and fetched by one request at a
/// time however many wait for it.
#[derive(Debug)]
pub(super) struct Fetched<T> {
    /// The value, and when it must no longer be used. Held for a look only.
    value: Mutex<Option<(T, Option<Instant>)>>,
    turn: Semaphore,
}

impl<T: Clone> Fetched<T> {
    pub(super) fn new() -> Self {
        Self { value: Mutex::new(None), turn: Semaphore::new(1) }
    }

    /// The kept value if `usable` says so, else a new one. `fetch` returns the value and how long it may be used
    /// from now (`None`: for ever). Who is cancelled while fetching leaves the turn to the next.
    pub(super) async fn get<E>(
        &self,
        usable: impl Fn(&T) -> bool,
        fetch: impl Future<Output = Result<(T, Option<Duration>), E>>,
    ) -> Result<T, E> {
        if let Some(value) = self.kept(&usable) {
            return Ok(value);
        }
        // An error would mean that the semaphore was closed, which nothing does; going on is then harmless.
        let _turn = self.turn.acquire().await;
        if let Some(value) = self.kept(&usable) {
            return Ok(value);
        }
        let (value, lifetime) = fetch.await?;
        let end = lifetime.map(|lifetime| Instant::now() + lifetime);
        *self.value.lock().unwrap_or_else(PoisonError::into_inner) = Some((value.clone(), end));
        Ok(value)
    }

    /// Forgets the kept value if `refused` says that it is the one a server refused.
    pub(super) fn forget(&self, refused: impl Fn(&T) -> bool) {
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        if value.as_ref().is_some_and(|(value, _)| refused(value)) {
            *value = None;
        }
    }

    fn kept(&self, usable: &impl Fn(&T) -> bool) -> Option<T> {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        let (value, end) = value.as_ref()?;
        let alive = end.is_none_or(|end| Instant::now() < end);
        (alive && usable(value)).then(|| value.clone())
    }
}

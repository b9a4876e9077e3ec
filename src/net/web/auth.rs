use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use ::http::HeaderValue;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::Semaphore;

use crate::config::{Secret, WebConfig};

/// Compared with when the user does not exist, so that the answer takes as long as for one who does. Nobody knows
/// its password.
pub(super) const NOBODY: &str = "$2b$10$7EqJtq98hPqEX7fNZaFWoOhi5BWX4Z3sYH1tE0v1oZQmC6l8mJ7vK";
/// How many results are remembered; beyond it all are forgotten, which only costs time.
const CACHE_MAX: usize = 256;

/// The `basic_auth_users` of a web configuration file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WebAuth(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    users: BTreeMap<String, Secret>,
    /// Results by the SHA-256 of user, hash and password. Held for a look.
    cache: Mutex<HashMap<[u8; 32], bool>>,
    /// bcrypt runs one at a time: guessing must not take all the processors.
    turn: Semaphore,
}

/// The request shows no user and password that fit: answer 401 with `WWW-Authenticate: Basic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Unauthorized")]
pub struct Unauthorized;

impl WebAuth {
    /// The check for a configuration.
    #[must_use]
    pub fn new(config: &WebConfig) -> Self {
        let users = config.users.clone();
        Self(Arc::new(Inner { users, cache: Mutex::default(), turn: Semaphore::new(1) }))
    }

    /// Whether anybody must log in at all.
    #[must_use]
    pub fn is_required(&self) -> bool {
        !self.0.users.is_empty()
    }

    /// Checks a request by its `Authorization` header. The slow comparison runs on a thread for blocking work and
    /// its result is remembered.
    ///
    /// # Errors
    ///
    /// Users are configured, and this is none of them.
    pub async fn check(&self, authorization: Option<&HeaderValue>) -> Result<(), Unauthorized> {
        if !self.is_required() {
            return Ok(());
        }
        let (user, password) = authorization.and_then(credentials).ok_or(Unauthorized)?;
        let known = self.0.users.get(&user);
        let hash = known.map_or(NOBODY, Secret::expose);
        let key = cache_key(&user, hash, password.expose());
        let cached = || self.0.cache.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        let fits = match cached() {
            Some(fits) => fits,
            None => {
                let _turn = self.0.turn.acquire().await;
                match cached() {
                    Some(fits) => fits,
                    None => self.compare(key, hash, password).await,
                }
            }
        };
        if fits && known.is_some() { Ok(()) } else { Err(Unauthorized) }
    }

    async fn compare(&self, key: [u8; 32], hash: &str, password: Secret) -> bool {
        let hash = hash.to_owned();
        let compared = tokio::task::spawn_blocking(move || bcrypt::verify(password.expose(), &hash)).await;
        let fits = matches!(compared, Ok(Ok(true)));
        let mut cache = self.0.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHE_MAX {
            cache.clear();
        }
        cache.insert(key, fits);
        fits
    }
}

/// User and password of an `Authorization: Basic` header (RFC 7617).
fn credentials(header: &HeaderValue) -> Option<(String, Secret)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), Secret::new(password)))
}

fn cache_key(user: &str, hash: &str, password: &str) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [user, hash, password] {
        context.update(&part.len().to_le_bytes());
        context.update(part.as_bytes());
    }
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

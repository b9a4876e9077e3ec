//! AWS Signature Version 4: each request signed with keys that expire or stay.
//!
//! Where the keys come from is settled when the client is built, so that a configuration that cannot work fails its
//! reload: `access_key` and `secret_key`; else a `profile` of the shared files; else the environment
//! (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`); else a web identity
//! (`AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN`); else the default profile. Not done: container and instance
//! metadata, `credential_process`, SSO; a configuration that would need one of them is refused with a text that says
//! so. Only calls to STS, for a role or a web identity, wait for the first request.

mod chain;
mod sign;
mod signer;
mod sts;
#[cfg(test)]
mod tests;

use sign::Credentials;
pub(super) use signer::Signer;
pub(crate) use sts::element;

/// For tests of whole requests: what a server that verifies needs.
#[cfg(test)]
pub(super) mod testing {
    pub(in crate::net) use super::sign::{Credentials, authorization};
}

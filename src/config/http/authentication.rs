//! How requests prove who sends them.

use serde::Serialize;

use super::oauth2::OAuth2;
use super::source::Source;
use crate::config::position::Position;
use crate::config::secret::Secret;
use crate::config::yaml::Fields;

/// The one way in which requests prove who sends them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// HTTP basic authentication.
    BasicAuth(BasicAuth),
    /// A fixed `Authorization` header.
    Authorization(Authorization),
    /// A token fetched from an OAuth 2 server.
    Oauth2(Box<OAuth2>),
}

/// `basic_auth`. Both parts may be empty and are sent all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BasicAuth {
    /// `username` or `username_file`.
    pub username: Source<String>,
    /// `password` or `password_file`.
    pub password: Source<Secret>,
    /// Where the block begins.
    #[serde(skip)]
    pub position: Position,
}

/// `authorization`: the header is the scheme, a space and the credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Authorization {
    /// `type`, trimmed; `Bearer` by default, never "basic" in any case.
    #[serde(rename = "type")]
    pub scheme: String,
    /// `credentials` or `credentials_file`.
    pub credentials: Source<Secret>,
    /// Where the block begins.
    #[serde(skip)]
    pub position: Position,
}

impl Authentication {
    /// Reads `basic_auth`, `authorization`, `oauth2`, `bearer_token` and `bearer_token_file`, of which one at most
    /// may be there.
    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let basic_auth = fields.block("basic_auth", BasicAuth::decode);
        let authorization = fields.block("authorization", Authorization::decode);
        let oauth2 = fields.block("oauth2", OAuth2::decode);
        let bearer = Source::decode_pair(
            fields,
            "bearer_token",
            "bearer_token_file",
            "at most one of bearer_token & bearer_token_file must be configured",
        );
        let bearer_keys = ["bearer_token", "bearer_token_file"];
        if bearer.is_some() && (basic_auth.is_some() || oauth2.is_some()) {
            let message =
                "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured";
            fields.fault_at(&bearer_keys, message);
        } else if bearer.is_some() && authorization.is_some() {
            fields.fault_at(
                &bearer_keys,
                "authorization is not compatible with bearer_token & bearer_token_file",
            );
        }
        fields.at_most_one(
            &["basic_auth", "oauth2", "authorization"],
            "at most one of basic_auth, oauth2 & authorization must be configured",
        );
        let bearer = bearer.map(|credentials| Authorization {
            scheme: BEARER.to_owned(),
            credentials,
            position: fields.position(),
        });
        basic_auth
            .map(Self::BasicAuth)
            .or_else(|| oauth2.map(|oauth2| Self::Oauth2(Box::new(oauth2))))
            .or_else(|| authorization.or(bearer).map(Self::Authorization))
    }
}

impl BasicAuth {
    fn decode(fields: &mut Fields<'_>) -> Self {
        let username = Source::decode(
            fields,
            "username",
            "username_file",
            "username_ref",
            "at most one of basic_auth username, username_file & username_ref must be configured",
        );
        let password = Source::decode(
            fields,
            "password",
            "password_file",
            "password_ref",
            "at most one of basic_auth password, password_file & password_ref must be configured",
        );
        Self {
            username: username.unwrap_or_default(),
            password: password.unwrap_or_default(),
            position: fields.position(),
        }
    }
}

const BEARER: &str = "Bearer";

impl Authorization {
    fn decode(fields: &mut Fields<'_>) -> Self {
        let scheme: String = fields.get_or_default("type");
        let credentials = Source::decode(
            fields,
            "credentials",
            "credentials_file",
            "credentials_ref",
            "at most one of authorization credentials & credentials_file must be configured",
        );
        let scheme = match scheme.trim() {
            "" => BEARER,
            trimmed if trimmed.eq_ignore_ascii_case("basic") => {
                fields.fault_at(
                    &["type"],
                    "authorization type cannot be set to \"basic\", use \"basic_auth\" instead",
                );
                trimmed
            }
            trimmed => trimmed,
        };
        Self {
            scheme: scheme.to_owned(),
            credentials: credentials.unwrap_or_default(),
            position: fields.position(),
        }
    }
}

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, RsaEncoding, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Map, Value, json};

use crate::config::{JwtBearer, OAuth2, Secret, SignatureAlgorithm};
use crate::model::Timestamp;
use crate::net::pem;

/// The name of the grant (RFC 7523).
pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long a signed assertion is valid.
const VALID_SECONDS: i64 = 600;

/// The signed token that asks for an access token (RFC 7523 2.1), made at `now`.
///
/// # Errors
///
/// The key is no RSA key in PEM, or refuses to sign.
pub(super) fn assertion(
    config: &OAuth2,
    jwt: &JwtBearer,
    key: &Secret,
    now: Timestamp,
) -> Result<String, String> {
    let (name, encoding): (_, &dyn RsaEncoding) = match jwt.algorithm {
        SignatureAlgorithm::RS256 => ("RS256", &signature::RSA_PKCS1_SHA256),
        SignatureAlgorithm::RS384 => ("RS384", &signature::RSA_PKCS1_SHA384),
        SignatureAlgorithm::RS512 => ("RS512", &signature::RSA_PKCS1_SHA512),
    };
    let mut header = json!({ "alg": name, "typ": "JWT" });
    if !jwt.key_id.is_empty() {
        header["kid"] = Value::from(jwt.key_id.clone());
    }
    let claims = claims(config, jwt, now);
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string())
    );
    let key = rsa_key(key)?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(encoding, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_unspecified| "client certificate key: cannot sign with it".to_owned())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn claims(config: &OAuth2, jwt: &JwtBearer, now: Timestamp) -> Map<String, Value> {
    let issuer = if jwt.iss.is_empty() { &config.client_id } else { &jwt.iss };
    let audience = if jwt.audience.is_empty() { config.token_url.as_written() } else { &jwt.audience };
    let mut claims = Map::new();
    claims.insert("iss".to_owned(), issuer.as_str().into());
    claims.insert("sub".to_owned(), config.client_id.as_str().into());
    claims.insert("jti".to_owned(), uuid::Uuid::new_v4().to_string().into());
    claims.insert("aud".to_owned(), audience.into());
    claims.insert("iat".to_owned(), now.unix_seconds().into());
    claims.insert("exp".to_owned(), now.unix_seconds().saturating_add(VALID_SECONDS).into());
    if !config.scopes.is_empty() {
        claims.insert("scope".to_owned(), config.scopes.join(" ").into());
    }
    claims.extend(jwt.claims.clone());
    claims
}

fn rsa_key(key: &Secret) -> Result<RsaKeyPair, String> {
    let bad = |error: String| format!("client certificate key: {error}");
    let key = pem::private_key(key.expose().as_bytes()).map_err(bad)?;
    let pair = match &key {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(bad("not an RSA key".to_owned())),
    };
    pair.map_err(|error| bad(format!("not an RSA key that can sign: {error}")))
}

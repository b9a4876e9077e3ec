use std::collections::BTreeMap;
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::Url;

use super::chain::{self, Origin};
use super::{Credentials, sign, sts};
use crate::config::{Position, Proxy, ProxyAddress, SigV4Config, TlsConfig};
use crate::model::Timestamp;
use crate::net::client::Transport;
use crate::net::fetched::Fetched;
use crate::net::{NetError, SendError, clock};

/// How long an assumed role's keys are asked for (the SDK's default).
const ROLE_SECONDS: &str = "900";

/// Signs the requests of one client.
#[derive(Debug)]
pub(in crate::net) struct Signer {
    region: String,
    service: String,
    endpoint: Url,
    origin: Origin,
    role: Option<Role>,
    /// Only with a role or a web identity.
    sts: Option<Sts>,
}

#[derive(Debug)]
struct Role {
    arn: String,
    external_id: Option<String>,
}

#[derive(Debug)]
struct Sts {
    endpoint: Url,
    transport: Transport,
    /// The keys of the web identity, where that is the origin.
    identity: Fetched<Credentials>,
    /// The keys of the role.
    role: Fetched<Credentials>,
}

impl Signer {
    /// Settles region and keys.
    pub(in crate::net) fn new(config: &SigV4Config) -> Result<Self, NetError> {
        Self::with_env(config, &|name| std::env::var(name).ok())
    }

    pub(super) fn with_env(config: &SigV4Config, env: chain::Env<'_>) -> Result<Self, NetError> {
        let setup = |message: String| NetError::Setup {
            position: config.position.clone(),
            message: format!("sigv4: {message}"),
        };
        let (region, origin) = chain::resolve(config, env).map_err(setup)?;
        let role = config.role_arn.clone().map(|arn| Role { arn, external_id: config.external_id.clone() });
        let needs_sts = role.is_some() || matches!(origin, Origin::WebIdentity { .. });
        let sts = needs_sts.then(|| Sts::new(&region, config, env)).transpose().map_err(setup)?;
        let service = config.service_name.clone();
        let endpoint = endpoint(&service, &region, false, env).map_err(setup)?;
        Ok(Self { region, service, endpoint, origin, role, sts })
    }

    /// The service's own address in the region, or what AWS's environment says instead.
    pub(in crate::net) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Adds the headers of the signature, and cleans the path of `url`, which the signature covers.
    pub(in crate::net) async fn sign(
        &self,
        method: &Method,
        url: &mut Url,
        headers: &mut HeaderMap,
        body: &[u8],
    ) -> Result<(), SendError> {
        let credentials = self.credentials().await.map_err(SendError::Sign)?;
        url.set_path(&sign::clean_path(url.path()));
        let unsigned = std::mem::take(headers);
        *headers = headers_signed(
            &credentials,
            &self.region,
            &self.service,
            clock::now(),
            method,
            url,
            unsigned,
            body,
        )
        .map_err(SendError::Sign)?;
        Ok(())
    }

    async fn credentials(&self) -> Result<Credentials, String> {
        let own = match (&self.origin, &self.sts) {
            (Origin::Fixed(credentials), _) => credentials.clone(),
            (Origin::WebIdentity { token_file, role_arn, session }, Some(sts)) => {
                let fetch = async {
                    let token = tokio::fs::read_to_string(token_file).await;
                    let token =
                        token.map_err(|error| format!("unable to read {}: {error}", token_file.display()))?;
                    let fields = [
                        ("Action", "AssumeRoleWithWebIdentity"),
                        ("RoleArn", role_arn.as_str()),
                        ("RoleSessionName", session.as_str()),
                        ("WebIdentityToken", token.trim()),
                    ];
                    sts.ask(&self.region, &fields, None).await
                };
                sts.identity.get(|_| true, fetch).await?
            }
            (Origin::WebIdentity { .. }, None) => return Err("no STS endpoint".to_owned()),
        };
        match (&self.role, &self.sts) {
            (Some(role), Some(sts)) => {
                let mut fields = vec![
                    ("Action", "AssumeRole"),
                    ("DurationSeconds", ROLE_SECONDS),
                    ("RoleArn", role.arn.as_str()),
                    ("RoleSessionName", "tocsin"),
                ];
                fields.extend(role.external_id.as_deref().map(|id| ("ExternalId", id)));
                sts.role.get(|_| true, sts.ask(&self.region, &fields, Some(&own))).await
            }
            _ => Ok(own),
        }
    }
}

impl Sts {
    fn new(region: &str, config: &SigV4Config, env: chain::Env<'_>) -> Result<Self, String> {
        let endpoint = endpoint("sts", region, config.use_fips_sts_endpoint, env)?;
        // AWS's own tools take the environment's proxy, and so do theirs who set one for them.
        let proxy = Proxy { address: ProxyAddress::Environment, connect_header: BTreeMap::new() };
        let tls = TlsConfig { position: Position::clone(&config.position), ..TlsConfig::default() };
        let transport = Transport::new(&tls, Some(&proxy), true, None).map_err(|error| error.to_string())?;
        Ok(Self { endpoint, transport, identity: Fetched::new(), role: Fetched::new() })
    }

    async fn ask(
        &self,
        region: &str,
        fields: &[(&str, &str)],
        signed_by: Option<&Credentials>,
    ) -> Result<(Credentials, Option<Duration>), String> {
        sts::ask(&self.transport, &self.endpoint, region, fields, signed_by, clock::now()).await
    }
}

/// Where a service of AWS is called: `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, or its address in the region.
fn endpoint(service: &str, region: &str, fips: bool, env: chain::Env<'_>) -> Result<Url, String> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let own = format!("AWS_ENDPOINT_URL_{}", service.to_ascii_uppercase());
    let endpoint = set(&own).or_else(|| set("AWS_ENDPOINT_URL")).unwrap_or_else(|| {
        let fips = if fips { "-fips" } else { "" };
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://{service}{fips}.{region}.{suffix}/")
    });
    Url::parse(&endpoint).map_err(|error| format!("{service} endpoint {endpoint:?}: {error}"))
}

/// `headers` with the signature added: `Host`, `X-Amz-Date`, the session's token, `Authorization`.
#[expect(
    clippy::too_many_arguments,
    reason = "the parts of a request, its scope and its time: no two belong together"
)]
pub(super) fn headers_signed(
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
    method: &Method,
    url: &Url,
    mut headers: HeaderMap,
    body: &[u8],
) -> Result<HeaderMap, String> {
    let value = |text: &str| {
        HeaderValue::from_str(text)
            .map_err(|_error| "credentials hold a character that no header may".to_owned())
    };
    headers.insert(header::HOST, value(&crate::net::client::authority(url))?);
    headers.insert(HeaderName::from_static("x-amz-date"), value(&sign::amz_date(now))?);
    if let Some(token) = &credentials.session_token {
        let mut token = value(token.expose())?;
        token.set_sensitive(true);
        headers.insert(HeaderName::from_static("x-amz-security-token"), token);
    }
    let mut authorization =
        value(&sign::authorization(credentials, region, service, now, method, url, &headers, body))?;
    authorization.set_sensitive(true);
    headers.insert(header::AUTHORIZATION, authorization);
    Ok(headers)
}

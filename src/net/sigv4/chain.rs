use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::Credentials;
use crate::config::{Secret, SigV4Config};

/// Where keys come from, settled when a client is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Keys at hand.
    Fixed(Credentials),
    /// Keys that STS hands out for a token in a file.
    WebIdentity { token_file: PathBuf, role_arn: String, session: String },
}

/// The process's environment, as a value so that tests have their own.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Finds the region and the origin of the keys.
///
/// # Errors
///
/// What is missing and where it was looked for.
pub(super) fn resolve(config: &SigV4Config, env: Env<'_>) -> Result<(String, Origin), String> {
    let env = |name: &str| env(name).filter(|value| !value.is_empty());
    let files = SharedFiles::locate(&env);
    let chosen = config.profile.clone().or_else(|| env("AWS_PROFILE"));
    let profile = chosen.clone().unwrap_or_else(|| "default".to_owned());
    let region = match config.region.clone().or_else(|| env("AWS_REGION")).or_else(|| env("AWS_DEFAULT_REGION")) {
        Some(region) => region,
        None => files.profile(&profile)?.remove("region").ok_or(
            "region not configured in sigv4 or in default credentials chain: set region, AWS_REGION, or region in \
             the profile of the AWS config file",
        )?,
    };
    if let Some(keys) = &config.keys {
        let (access_key, secret_key) = (keys.access_key.clone(), keys.secret_key.clone());
        return Ok((region, Origin::Fixed(Credentials { access_key, secret_key, session_token: None })));
    }
    if config.profile.is_some() {
        return Ok((region, Origin::Fixed(files.credentials(&profile)?)));
    }
    let first = |names: [&str; 2]| names.iter().find_map(|name| env(name));
    let access_key = first(["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"]);
    let secret_key = first(["AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"]);
    if let (Some(access_key), Some(secret_key)) = (access_key, secret_key) {
        let session_token = env("AWS_SESSION_TOKEN").map(|token| Secret::new(&token));
        let secret_key = Secret::new(&secret_key);
        return Ok((region, Origin::Fixed(Credentials { access_key, secret_key, session_token })));
    }
    if let (Some(token_file), Some(role_arn)) = (env("AWS_WEB_IDENTITY_TOKEN_FILE"), env("AWS_ROLE_ARN")) {
        let session = env("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "tocsin".to_owned());
        return Ok((
            region,
            Origin::WebIdentity { token_file: PathBuf::from(token_file), role_arn, session },
        ));
    }
    match files.credentials(&profile) {
        Ok(credentials) => Ok((region, Origin::Fixed(credentials))),
        Err(error) if chosen.is_some() => Err(error),
        Err(_) => Err(format!(
            "could not get SigV4 credentials: none in sigv4 (access_key, profile), in AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY, in AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or in profile {profile:?} of {}; \
             container and instance metadata are not supported",
            files.credentials.display()
        )),
    }
}

/// The files that the AWS tools share.
struct SharedFiles {
    credentials: PathBuf,
    config: PathBuf,
}

impl SharedFiles {
    fn locate(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let aws = Path::new(&env("HOME").unwrap_or_default()).join(".aws");
        let file = |variable: &str, name: &str| env(variable).map_or_else(|| aws.join(name), PathBuf::from);
        Self {
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            config: file("AWS_CONFIG_FILE", "config"),
        }
    }

    /// The keys of a profile, those in the credentials file before those in the config file. A missing file is an
    /// empty one.
    fn profile(&self, name: &str) -> Result<HashMap<String, String>, String> {
        let named = format!("profile {name}");
        let mut found = section(&read(&self.config)?, if name == "default" { name } else { &named });
        if name == "default" {
            found.extend(section(&read(&self.config)?, &named));
        }
        found.extend(section(&read(&self.credentials)?, name));
        Ok(found)
    }

    fn credentials(&self, name: &str) -> Result<Credentials, String> {
        let mut profile = self.profile(name)?;
        let place =
            format!("profile {name:?} of {} and {}", self.credentials.display(), self.config.display());
        if profile.is_empty() {
            return Err(format!("failed to get shared config profile: {place} does not exist"));
        }
        if let (Some(access_key), Some(secret_key)) =
            (profile.remove("aws_access_key_id"), profile.remove("aws_secret_access_key"))
        {
            let session_token = profile.remove("aws_session_token").map(|token| Secret::new(&token));
            return Ok(Credentials { access_key, secret_key: Secret::new(&secret_key), session_token });
        }
        let unsupported =
            ["role_arn", "credential_process", "sso_session", "sso_start_url", "web_identity_token_file"];
        match unsupported.iter().find(|key| profile.contains_key(**key)) {
            Some(key) => Err(format!(
                "{place} uses {key}, which is not supported: write role_arn into sigv4, or keys into the profile"
            )),
            None => Err(format!("{place} has no aws_access_key_id and aws_secret_access_key")),
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(format!("unable to read {}: {error}", path.display())),
    }
}

/// The keys of one section of an AWS file. Indented lines belong to a nested value and are passed over.
fn section(text: &str, wanted: &str) -> HashMap<String, String> {
    let mut inside = false;
    let mut found = HashMap::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) || line.starts_with([' ', '\t']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[') {
            let name = name.split(']').next().unwrap_or_default();
            inside = name.split_whitespace().collect::<Vec<_>>().join(" ") == wanted;
        } else if inside && let Some((key, value)) = trimmed.split_once('=') {
            found.insert(key.trim().to_lowercase(), value.trim().to_owned());
        }
    }
    found
}

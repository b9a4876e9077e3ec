//! Signatures for AWS, checked by those who get them: an Alertmanager behind Amazon's gateway, SNS and STS.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_lc_rs::{digest, hmac};

use crate::harness::{Answer, Peer, Seen, eventually, firing, ok};
use crate::transport::{assert_silent_about, sending_to, wait_for_failure};

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// Whether a request to `service` is signed by `secret` (Signature Version 4), all of what matters included.
fn is_signed(seen: &Seen, key_id: &str, secret: &str, region: &str, service: &str) -> bool {
    let date = seen.header("x-amz-date");
    let day = date.get(..8).unwrap_or_default();
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let given = seen.header("authorization");
    let prefix = format!("AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders=");
    let Some((names, signature)) =
        given.strip_prefix(&prefix).and_then(|rest| rest.split_once(", Signature="))
    else {
        return false;
    };
    let covers = |name: &str| names.split(';').any(|signed| signed == name);
    let has_token = seen.headers.contains_key("x-amz-security-token");
    if !covers("host") || !covers("x-amz-date") || has_token && !covers("x-amz-security-token") {
        return false;
    }
    let headers: String =
        names.split(';').map(|name| format!("{name}:{}\n", seen.header(name).trim())).collect();
    let body = hex(digest::digest(&digest::SHA256, &seen.body));
    let request = format!("{}\n{}\n\n{headers}\n{names}\n{body}", seen.method, seen.uri.path());
    let request = hex(digest::digest(&digest::SHA256, request.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{request}");
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [day, region, service, "aws4_request"] {
        key = sign(&key, part);
    }
    signature == hex(sign(&key, &text))
}

#[tokio::test]
async fn sigv4_signs_with_the_keys_of_the_file_or_of_the_environment() {
    let peer = Peer::start(|seen| {
        let file = is_signed(seen, "AKIDFILE", "file-secret", "eu-west-1", "aps");
        let environment = is_signed(seen, "AKIDENV", "env-secret", "us-east-2", "aps")
            && seen.header("x-amz-security-token") == "env-session";
        (if file || environment { 200 } else { 403 }, Vec::new(), String::new())
    })
    .await;
    let file = "path_prefix: /workspaces/ws-1/alertmanager\nsigv4: { region: eu-west-1, access_key: AKIDFILE, secret_key: file-secret }";
    let by_file = sending_to(&peer.address(), file).start().await;
    assert_eq!(by_file.push(&firing(0..10)).await, Ok(200));
    peer.wait_for(10).await;
    assert_eq!(peer.seen()[0].uri.path(), "/workspaces/ws-1/alertmanager/api/v2/alerts");
    assert_silent_about(&by_file, &["file-secret"]).await;

    let by_environment = sending_to(&peer.address(), "sigv4: {}")
        .environment("AWS_REGION", "us-east-2")
        .environment("AWS_ACCESS_KEY_ID", "AKIDENV")
        .environment("AWS_SECRET_ACCESS_KEY", "env-secret")
        .environment("AWS_SESSION_TOKEN", "env-session")
        .start()
        .await;
    assert_eq!(by_environment.push(&firing(0..10)).await, Ok(200));
    peer.wait_for(20).await;
    assert_silent_about(&by_environment, &["env-secret", "env-session"]).await;
    by_environment.assert_balance().await;
}

const REGION: &str = "eu-west-1";

/// What STS does with the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Refuses,
    /// Hands out keys that end after so long.
    Grants(Duration),
}

/// A stand-in STS, which takes requests for a role that the base keys sign, and those whom it gave keys to.
#[derive(Debug, Clone)]
struct Roles {
    mood: Arc<Mutex<Mood>>,
    /// When the keys end that were handed out, the first first.
    ends: Arc<Mutex<Vec<SystemTime>>>,
}

impl Roles {
    fn new() -> Self {
        Self { mood: Arc::new(Mutex::new(Mood::Refuses)), ends: Arc::default() }
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().expect("no poison") = mood;
    }

    fn handed_out(&self) -> usize {
        self.ends.lock().expect("no poison").len()
    }

    /// The answer to `AssumeRole`.
    fn assume(&self, seen: &Seen) -> Answer {
        let refused = |code: &str| {
            let text = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
            );
            (403, Vec::new(), text)
        };
        if !is_signed(seen, "AKIDBASE", "base-secret", REGION, "sts") {
            return refused("SignatureDoesNotMatch");
        }
        let form: BTreeMap<_, _> = url::form_urlencoded::parse(&seen.body).into_owned().collect();
        let wanted = [
            ("Action", "AssumeRole"),
            ("DurationSeconds", "900"),
            ("ExternalId", "ext & co"),
            ("RoleArn", "arn:aws:iam::1:role/alerts"),
            ("RoleSessionName", "tocsin"),
            ("Version", "2011-06-15"),
        ];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        if form != BTreeMap::from(wanted) || seen.uri.path() != "/" || seen.method != http::Method::POST {
            return refused("ValidationError");
        }
        let Mood::Grants(lifetime) = *self.mood.lock().expect("no poison") else {
            return refused("AccessDenied");
        };
        let mut ends = self.ends.lock().expect("no poison");
        let end = now() + lifetime;
        ends.push(end);
        let number = ends.len();
        let end = rfc3339(end);
        ok(format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n<AssumeRoleResult>\n\
             <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/alerts/tocsin</Arn></AssumedRoleUser>\n<Credentials>\n\
             <AccessKeyId>ASIA{number}</AccessKeyId>\n<SecretAccessKey>temporary-{number}/+</SecretAccessKey>\n\
             <SessionToken>session-{number}/+==</SessionToken>\n<Expiration>{end}</Expiration>\n</Credentials>\n\
             </AssumeRoleResult>\n</AssumeRoleResponse>"
        ))
    }

    /// Whether a request is signed with keys that were handed out and have not ended.
    fn lets_in(&self, seen: &Seen, service: &str) -> bool {
        let ends = self.ends.lock().expect("no poison").clone();
        ends.iter().zip(1..).any(|(end, number)| {
            let (id, secret) = (format!("ASIA{number}"), format!("temporary-{number}/+"));
            is_signed(seen, &id, &secret, REGION, service)
                && seen.header("x-amz-security-token") == format!("session-{number}/+==")
                && now() < *end
        })
    }
}

/// The clock by which STS says when keys end.
#[expect(clippy::disallowed_methods, reason = "STS and the process under test go by the same clock")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// RFC 3339 in whole seconds.
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    tocsin::model::Timestamp::from_unix(since.as_secs() as i64, 0).to_string()
}

/// Starts a service that takes what is signed with the role's keys, and counts what is not.
async fn guarded(roles: &Roles, service: &'static str, refused: &Arc<AtomicUsize>) -> Peer {
    let (roles, refused) = (roles.clone(), Arc::clone(refused));
    Peer::start(move |seen| {
        let fits = roles.lets_in(seen, service);
        refused.fetch_add(usize::from(!fits), Ordering::Relaxed);
        (if fits { 200 } else { 403 }, Vec::new(), String::new())
    })
    .await
}

#[tokio::test]
async fn a_roles_keys_are_asked_for_anew_before_they_end() {
    let roles = Roles::new();
    let sts = {
        let roles = roles.clone();
        Peer::start(move |seen| roles.assume(seen)).await
    };
    let refused = Arc::default();
    let alertmanager = guarded(&roles, "aps", &refused).await;
    let sns = guarded(&roles, "sns", &refused).await;
    let sigv4 = format!(
        "sigv4: {{ region: {REGION}, access_key: AKIDBASE, secret_key: base-secret, external_id: ext & co, \
         role_arn: 'arn:aws:iam::1:role/alerts' }}"
    );
    let receivers = format!(
        "route: {{ receiver: team, group_wait: 10ms }}\nreceivers:\n- name: team\n  sns_configs:\n  \
         - api_url: 'http://{}/'\n    topic_arn: 'arn:aws:sns:eu-west-1:1:ops'\n    {sigv4}\n",
        sns.address()
    );
    let tocsin = sending_to(&alertmanager.address(), &sigv4)
        .file("alertmanager.yml", receivers)
        .flag("--config.file=alertmanager.yml")
        .environment("AWS_ENDPOINT_URL_STS", format!("http://{}", sts.address()))
        .start()
        .await;
    assert_eq!(tocsin.push(&firing(0..10)).await, Ok(200));
    wait_for_failure(&tocsin, "403 Forbidden: AccessDenied no").await;
    assert!(alertmanager.seen().is_empty(), "nothing goes out unsigned");

    // Both ask for themselves. Keys that end in little over a minute are kept for a moment only.
    roles.set(Mood::Grants(Duration::from_secs(62)));
    alertmanager.wait_for(10).await;
    eventually("a message to SNS", || async { sns.seen().pop() }).await;
    let first = roles.handed_out();
    roles.set(Mood::Grants(Duration::from_secs(900)));
    eventually("a request signed with new keys", || async {
        assert_eq!(tocsin.push(&firing(0..10)).await, Ok(200));
        let newest = format!("Credential=ASIA{}/", roles.handed_out());
        let signed = alertmanager.seen().iter().any(|seen| seen.header("authorization").contains(&newest));
        (roles.handed_out() > first && signed).then_some(())
    })
    .await;
    assert_eq!(refused.load(Ordering::Relaxed), 0, "no key was used that had ended, or was another's");
    assert_silent_about(&tocsin, &["base-secret", "temporary-", "session-"]).await;
    tocsin.assert_balance().await;
}

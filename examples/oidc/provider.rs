//! [`Provider`]: asks the OpenID provider, and checks who signed a token.

use std::time::{Duration, Instant};

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    errors::{Error, ErrorKind},
    jwk::{Jwk, JwkSet, PublicKeyUse},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::{sync::Mutex, task::spawn_blocking};
use ureq::Agent;

use super::{
    sign_in::{Pending, base64url},
    token::{Kind, LEEWAY, Refusal, Token},
};

/// The algorithms that a token may be signed with. All of them have a public key. So the provider's public key is never taken for
/// a shared secret (`HS256`), and `none` is no algorithm.
const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];
/// How often at most the keys are fetched, whatever key ids are in the tokens that come.
const FETCH_EVERY: Duration = Duration::from_secs(10);
/// How long the keys are used before they are fetched again. A key that the provider has withdrawn is trusted for so long.
const KEYS_FOR: Duration = Duration::from_secs(60 * 60);
const TIMEOUT: Duration = Duration::from_secs(5);

/// The application, as the provider knows it.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    pub(crate) redirect_uri: String,
}

pub(crate) struct Provider {
    metadata: Metadata,
    client: Client,
    agent: Agent,
    keys: Mutex<Keys>,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

struct Keys {
    set: JwkSet,
    fetched_at: Instant,
    /// The last try since the start. None: none was necessary.
    tried_at: Option<Instant>,
    /// Whether the last try succeeded.
    is_current: bool,
}

impl Provider {
    /// Loads the provider's metadata and keys.
    pub(crate) async fn discover(issuer: &str, client: Client) -> Result<Self, String> {
        let agent = Agent::config_builder().timeout_global(Some(TIMEOUT)).max_redirects(0).build().new_agent();
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = get(&agent, &url).await?;
        if metadata.issuer != issuer {
            return Err(format!(
                "the provider at {issuer} calls itself {}; write that after --issuer",
                metadata.issuer
            ));
        }
        let (set, fetched_at) = (get(&agent, &metadata.jwks_uri).await?, Instant::now());
        let keys = Mutex::new(Keys { set, fetched_at, tried_at: None, is_current: true });
        Ok(Self { metadata, client, agent, keys })
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.metadata.issuer
    }

    /// Returns where a browser signs in.
    pub(crate) fn authorization_url(&self, pending: &Pending) -> String {
        let challenge = base64url(&Sha256::digest(&pending.verifier));
        let parameters = [
            ("response_type", "code"),
            ("scope", "openid"),
            ("client_id", &self.client.id),
            ("redirect_uri", &self.client.redirect_uri),
            ("state", &pending.state),
            ("nonce", &pending.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let parameters =
            parameters.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        let url = &self.metadata.authorization_endpoint;
        format!("{url}{}{}", if url.contains('?') { '&' } else { '?' }, parameters.join("&"))
    }

    /// Exchanges the code of a sign-in for its ID token.
    pub(crate) async fn exchange(&self, code: String, pending: &Pending) -> Result<String, Refusal> {
        #[derive(Deserialize)]
        struct Tokens {
            id_token: String,
        }
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code),
            ("redirect_uri", self.client.redirect_uri.clone()),
            ("client_id", self.client.id.clone()),
            ("code_verifier", pending.verifier.clone()),
        ];
        form.extend(self.client.secret.clone().map(|secret| ("client_secret", secret)));
        let (agent, url) = (self.agent.clone(), self.metadata.token_endpoint.clone());
        let answer = spawn_blocking(move || agent.post(url).send_form(form)?.body_mut().read_to_string()).await;
        match answer {
            Ok(Ok(answer)) => {
                let tokens: Result<Tokens, _> = serde_json::from_str(&answer);
                tokens.map(|tokens| tokens.id_token).map_err(|_| Refusal::Invalid("The provider gave no ID token."))
            }
            Ok(Err(ureq::Error::StatusCode(400..500))) => Err(Refusal::Invalid("The provider refused the code.")),
            _ => Err(Refusal::Unavailable),
        }
    }

    /// Checks that the provider has signed the token for this application, as a token of this kind.
    pub(crate) async fn verify(&self, token: &str, kind: Kind) -> Result<Token, Refusal> {
        let header = decode_header(token).map_err(|_| Refusal::Invalid("The token is not a signed token."))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(Refusal::Key);
        }
        let key = self.key(header.kid.as_deref()).await?;
        if key.common.key_algorithm.is_some_and(|algorithm| algorithm != header.alg.into()) {
            return Err(Refusal::Key);
        }
        let key = DecodingKey::from_jwk(&key).map_err(|_| Refusal::Key)?;
        let mut checks = Validation::new(header.alg);
        checks.set_issuer(&[&self.metadata.issuer]);
        checks.set_audience(&[&self.client.id]);
        checks.set_required_spec_claims(if kind.expires() { &["iss", "aud", "exp"] } else { &["iss", "aud"] });
        checks.validate_exp = kind.expires();
        checks.leeway = LEEWAY.as_secs();
        let claims = decode::<Map<String, Value>>(token, &key, &checks).map_err(|error| refusal(&error))?.claims;
        if !kind.has_type(header.typ.as_deref()) {
            return Err(Refusal::Invalid("The token is of another type."));
        }
        Token::check(claims, kind, &self.metadata.issuer, &self.client.id)
    }

    /// Returns the key with this id. Fetches the provider's keys again if none has this id, or if they are old.
    async fn key(&self, id: Option<&str>) -> Result<Jwk, Refusal> {
        let mut keys = self.keys.lock().await;
        let is_due = keys.find(id).is_none() || keys.fetched_at.elapsed() > KEYS_FOR;
        if is_due && keys.tried_at.is_none_or(|tried_at| tried_at.elapsed() >= FETCH_EVERY) {
            let now = Instant::now();
            keys.tried_at = Some(now);
            match get(&self.agent, &self.metadata.jwks_uri).await {
                Ok(set) => *keys = Keys { set, fetched_at: now, tried_at: Some(now), is_current: true },
                Err(error) => {
                    eprintln!("the keys of the provider cannot be fetched: {error}");
                    keys.is_current = false;
                }
            }
        }
        let missing = if keys.is_current { Refusal::Key } else { Refusal::Unavailable };
        keys.find(id).cloned().ok_or(missing)
    }
}

impl Keys {
    /// Returns the key with this id. A token without a key id is signed with the only key.
    fn find(&self, id: Option<&str>) -> Option<&Jwk> {
        let mut keys = self.set.keys.iter().filter(|key| key.common.public_key_use != Some(PublicKeyUse::Encryption));
        match id {
            Some(id) => keys.find(|key| key.common.key_id.as_deref() == Some(id)),
            None => keys.next().filter(|_| keys.next().is_none()),
        }
    }
}

fn refusal(error: &Error) -> Refusal {
    match error.kind() {
        ErrorKind::InvalidIssuer => Refusal::Issuer,
        ErrorKind::InvalidAudience => Refusal::Audience,
        ErrorKind::ExpiredSignature => Refusal::Invalid("The token has expired."),
        ErrorKind::MissingRequiredClaim(_) => Refusal::Invalid("The token lacks `iss`, `aud` or `exp`."),
        ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => {
            Refusal::Invalid("A claim of the token cannot be read.")
        }
        _ => Refusal::Key,
    }
}

async fn get<T: DeserializeOwned>(agent: &Agent, url: &str) -> Result<T, String> {
    let request = agent.get(url);
    let answer = spawn_blocking(move || request.call()?.body_mut().read_to_string()).await;
    let answer = answer.map_err(|error| error.to_string())?.map_err(|error| format!("{url}: {error}"))?;
    serde_json::from_str(&answer).map_err(|error| format!("{url} answers with something else: {error}"))
}

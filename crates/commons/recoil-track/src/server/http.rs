//! Calls to a server: addresses, logging in, errors that say what the server said.

use crate::error::{At as _, Result, TrackError};
use crate::name::{cut, percent};
use serde_json::Value as Json;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// Longest answer that is read.
const LONGEST_ANSWER: u64 = 256 << 20;

#[derive(Clone, Debug)]
pub(super) struct Http {
    base: String,
    agent: Agent,
    authorization: Option<String>,
}

impl Http {
    pub(super) fn new(url: &str) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let mut tls = TlsConfig::builder();
        if variable("MLFLOW_TRACKING_INSECURE_TLS").is_some_and(|text| text.eq_ignore_ascii_case("true") || text == "1")
        {
            tls = tls.disable_verification(true);
        }
        if let Some(path) = variable("MLFLOW_TRACKING_SERVER_CERT_PATH") {
            let path = Path::new(&path);
            let pem = std::fs::read(path).at("read the certificates", path)?;
            let certificates: Vec<_> = parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if certificates.is_empty() {
                return Err(TrackError::damaged(path, "holds no certificate in PEM form"));
            }
            tls = tls.root_certs(RootCerts::Specific(Arc::new(certificates)));
        }
        let config = Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_global(Some(Duration::from_secs(120)))
            .http_status_as_error(false)
            .tls_config(tls.build());
        let authorization = match (variable("MLFLOW_TRACKING_USERNAME"), variable("MLFLOW_TRACKING_TOKEN")) {
            (Some(user), _) => {
                let password = variable("MLFLOW_TRACKING_PASSWORD").unwrap_or_default();
                Some(format!("Basic {}", base64(format!("{user}:{password}").as_bytes())))
            }
            (None, Some(token)) => Some(format!("Bearer {token}")),
            (None, None) => None,
        };
        Ok(Self { base: url.trim_end_matches('/').to_owned(), agent: config.build().into(), authorization })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    fn url(&self, endpoint: &str) -> String {
        format!("{}/api/2.0/mlflow/{endpoint}", self.base)
    }

    pub(super) fn get(&self, endpoint: &str, query: &[(&str, &str)]) -> Result<Json> {
        let words: Vec<_> = query.iter().map(|(key, value)| format!("{key}={}", percent(value, b""))).collect();
        let url = format!("{}?{}", self.url(endpoint), words.join("&"));
        let mut request = self.agent.get(&url);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        answer(&url, request.call())
    }

    pub(super) fn post(&self, endpoint: &str, body: &Json) -> Result<Json> {
        let url = self.url(endpoint);
        let mut request = self.agent.post(&url).header("content-type", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        answer(&url, request.send(body.to_string()))
    }

    /// Sends a file to the artifacts that the server keeps; `path` is relative to them.
    pub(super) fn put_artifact(&self, path: &str, source: &Path) -> Result<()> {
        let url = format!("{}/api/2.0/mlflow-artifacts/artifacts/{}", self.base, percent(path, b"/"));
        let file = File::open(source).at("read", source)?;
        let mut request = self.agent.put(&url).header("content-type", "application/octet-stream");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        answer(&url, request.send(file)).map(|_| ())
    }

    /// Calls an endpoint page by page.
    pub(super) fn pages(&self, endpoint: &str, mut body: Json, key: &str, mut visit: impl FnMut(&Json)) -> Result<()> {
        loop {
            let page = self.post(endpoint, &body)?;
            super::list(&page, key).iter().for_each(&mut visit);
            let token = super::text(&page, "next_page_token");
            match body.as_object_mut() {
                Some(body) if !token.is_empty() => body.insert("page_token".into(), token.into()),
                _ => return Ok(()),
            };
        }
    }

    pub(super) fn unexpected(&self, endpoint: &str, answer: &Json) -> TrackError {
        let message = format!("unexpected answer: {}", cut(&answer.to_string(), 200));
        TrackError::Server { url: self.url(endpoint), message, status: None }
    }
}

fn answer(url: &str, called: std::result::Result<Response<ureq::Body>, ureq::Error>) -> Result<Json> {
    let shown = url.split('?').next().unwrap_or(url).to_owned();
    let fail = |message: String, status| TrackError::Server { url: shown.clone(), message, status };
    let mut response = called.map_err(|error| fail(error.to_string(), None))?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_string();
    let body = body.map_err(|error| fail(error.to_string(), Some(status.as_u16())))?;
    let json: Option<Json> = serde_json::from_str(&body).ok();
    if !status.is_success() {
        let said =
            json.as_ref().map(|json| format!("{}: {}", super::text(json, "error_code"), super::text(json, "message")));
        let said = said.unwrap_or_else(|| cut(body.trim(), 200).to_owned());
        return Err(fail(format!("{status}: {said}"), Some(status.as_u16())));
    }
    match json {
        Some(json) => Ok(json),
        None if body.trim().is_empty() => Ok(Json::Null),
        None => {
            Err(fail("the answer is not JSON: is this the address of an MLflow server?".into(), Some(status.as_u16())))
        }
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place)) as usize % 64];
            out.push(if place <= chunk.len() { letter.into() } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_standard() {
        for (text, code) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(text.as_bytes()), code);
        }
    }
}

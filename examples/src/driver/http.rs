//! The driver's own requests, with the retries it makes of them.

use std::time::{Duration, Instant};

use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::api::ServiceError;
use super::error::Error;

const MAX_RETRIES: u32 = 3;
const MAX_WAIT: Duration = Duration::from_secs(2);

/// One workspace, and the token that opens it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) client: reqwest::Client,
    pub(crate) url: String,
    pub(crate) token: String,
}

/// An answer, and what it took to get it.
pub(crate) struct Answered<T> {
    pub(crate) value: T,
    pub(crate) latency: Duration,
    pub(crate) retries: u32,
}

impl Endpoint {
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Answered<T>, Error> {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<Answered<T>, Error> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Duration, Error> {
        let answered: Answered<Value> = self.call(Method::DELETE, path, None).await?;
        Ok(answered.latency)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answered<T>, Error> {
        let start = Instant::now();
        for retries in 0.. {
            let mut request =
                self.client.request(method.clone(), format!("{}{path}", self.url)).bearer_auth(&self.token);
            if let Some(body) = body {
                request = request.json(body);
            }
            let response = request.send().await.map_err(Error::http)?;
            match retry_after(&response).filter(|_| retries < MAX_RETRIES) {
                Some(wait) => tokio::time::sleep(wait.min(MAX_WAIT)).await,
                None => {
                    let value = read(response).await?;
                    return Ok(Answered { value, latency: start.elapsed(), retries });
                }
            }
        }
        Err(Error::Protocol("it never ended"))
    }

    /// Downloads what an external link points to. The link authorises itself: the token stays here.
    pub(crate) async fn download(&self, link: &str) -> Result<Vec<u8>, Error> {
        let response = self.client.get(link).send().await.and_then(Response::error_for_status);
        let body = response.map_err(Error::http)?.bytes().await.map_err(Error::http)?;
        Ok(body.to_vec())
    }
}

/// How long to wait before trying again, if that may help.
fn retry_after(response: &Response) -> Option<Duration> {
    let busy = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    if !busy.contains(&response.status()) {
        return None;
    }
    let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    Some(Duration::from_secs(header.and_then(|seconds| seconds.parse().ok()).unwrap_or(1)))
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Error> {
    let status = response.status();
    let body = response.bytes().await.map_err(Error::http)?;
    if status.is_success() {
        // Some calls answer with nothing.
        let body: &[u8] = if body.is_empty() { b"null" } else { &body };
        return serde_json::from_slice(body)
            .map_err(|_| Error::Protocol("not the JSON that the API promises"));
    }
    let ServiceError { error_code, message } = serde_json::from_slice(&body).unwrap_or_else(|_| {
        ServiceError { error_code: "UNKNOWN".to_owned(), message: "no explanation".to_owned() }
    });
    Err(Error::Service { status: status.as_u16(), code: error_code, message })
}

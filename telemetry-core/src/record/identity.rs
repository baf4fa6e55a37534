//! Which driver this is.

use crate::error::BuildError;
use crate::text::message::sanitize;
use crate::text::rules::TextRules;

/// Which driver this is: its name, its version, and the client name that the service knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverIdentity {
    name: String,
    version: String,
    client: String,
    flag: String,
    user_agent: String,
}

impl DriverIdentity {
    /// Begins an identity, which needs all four of its parts.
    ///
    /// ```
    /// # fn main() -> Result<(), telemetry_core::BuildError> {
    /// let identity = telemetry_core::DriverIdentity::builder()
    ///     .name("My Driver")
    ///     .version(env!("CARGO_PKG_VERSION"))
    ///     .client("MYDRIVER")
    ///     .flag("databricks.partnerplatform.clientConfigsFeatureFlags.enableTelemetryForMyDriver")
    ///     .build()?;
    /// assert_eq!(identity.client(), "MYDRIVER");
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> DriverIdentityBuilder {
        DriverIdentityBuilder::default()
    }

    /// The driver's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The driver's version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The client name that it is registered under.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// The name of its flag.
    pub fn flag(&self) -> &str {
        &self.flag
    }

    /// What requests and records say that they come from.
    pub fn user_agent(&self) -> &str {
        &self.user_agent
    }
}

/// The parts of a [`DriverIdentity`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct DriverIdentityBuilder {
    name: Option<String>,
    version: Option<String>,
    client: Option<String>,
    flag: Option<String>,
    user_agent: Option<String>,
}

impl DriverIdentityBuilder {
    /// The driver's name, which records carry as `driver_name`: visible ASCII and spaces, 1 to 128.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Its version, `x.y.z`: letters, digits and `-_.+`, 1 to 128, as it stands in a URL's path.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// The name that it is registered under for feature flags, such as `NODEJS`, `PYTHON` or `GOLANG`; held
    /// to the same as the version.
    pub fn client(mut self, client: impl Into<String>) -> Self {
        self.client = Some(client.into());
        self
    }

    /// The flag that lets it send, such as
    /// `databricks.partnerplatform.clientConfigsFeatureFlags.enableTelemetryForNodeJs`: visible ASCII, 1 to
    /// 128.
    pub fn flag(mut self, flag: impl Into<String>) -> Self {
        self.flag = Some(flag.into());
        self
    }

    /// The user agent of requests and records where a connection has none of its own: visible ASCII and
    /// spaces, 1 to 128. `Name/version` by default, with what a header's product name can't hold left out of
    /// the name.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// The identity.
    ///
    /// # Errors
    ///
    /// [`BuildError::Missing`] for a part that wasn't said, [`BuildError::InvalidName`] for one that holds
    /// what it may not.
    pub fn build(self) -> Result<DriverIdentity, BuildError> {
        let path = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
        let prose = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        let name = checked("driver name", self.name, prose)?;
        let version = checked("driver version", self.version, path)?;
        let user_agent = self.user_agent.unwrap_or_else(|| {
            let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            format!("{}/{version}", if name.is_empty() { "driver" } else { &name })
        });
        // The default may be longer than a name.
        let user_agent = checked("user agent", Some(user_agent.chars().take(128).collect()), prose)?;
        Ok(DriverIdentity {
            name,
            version,
            client: checked("client name", self.client, path)?,
            flag: checked("flag name", self.flag, |byte| byte.is_ascii_graphic())?,
            user_agent,
        })
    }
}

fn checked(
    name: &'static str,
    value: Option<String>,
    allowed: impl Fn(u8) -> bool,
) -> Result<String, BuildError> {
    let value = value.ok_or(BuildError::Missing(name))?;
    check(name, &value, allowed)?;
    Ok(value)
}

fn check(name: &'static str, value: &str, allowed: impl Fn(u8) -> bool) -> Result<(), BuildError> {
    let dots = value.bytes().all(|byte| byte == b'.');
    if value.len() > 128 || dots || !value.bytes().all(allowed) {
        return Err(BuildError::InvalidName {
            name,
            value: sanitize(value, &TextRules::default()).chars().take(128).collect(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_could_leave_its_place_in_a_path_or_header() {
        let build = |name, version, client, flag| {
            DriverIdentity::builder().name(name).version(version).client(client).flag(flag).build()
        };
        assert!(build("My Driver", "1.2.3", "RUST", "a.b").is_ok());
        assert_eq!(DriverIdentity::builder().name("x").build(), Err(BuildError::Missing("driver version")));
        for (name, version, client, flag) in [
            ("", "1", "C", "f"),
            ("a\r\nb", "1", "C", "f"),
            ("a", "1/2", "C", "f"),
            ("a", "1", "../x", "f"),
            ("a", "1", "..", "f"),
            ("a", "1", "C?", "f"),
            ("a", "1", "C", "f g"),
            ("a", "1", "C", ""),
        ] {
            assert!(build(name, version, client, flag).is_err(), "{name:?} {version} {client} {flag}");
        }
    }
}

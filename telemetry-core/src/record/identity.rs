//! Which driver this is.

use crate::error::BuildError;
use crate::text::message::sanitize;

/// Which driver this is: its name, its version, and the client name that the service knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverIdentity {
    name: String,
    version: String,
    client: String,
    flag: String,
}

impl DriverIdentity {
    /// A driver.
    ///
    /// `name` is what records carry as `driver_name`; `version` is its `x.y.z`; `client` is the name that the driver is
    /// registered under for feature flags, such as `NODEJS`, `PYTHON` or `GOLANG`; `flag` is the name of the flag that
    /// lets it send, such as `databricks.partnerplatform.clientConfigsFeatureFlags.enableTelemetryForNodeJs`.
    ///
    /// # Errors
    ///
    /// [`BuildError::InvalidName`] when one of them is empty, longer than 128 characters, or holds anything but visible
    /// ASCII (`name` may hold spaces). `client` and `version` stand in a URL's path, so they may hold only letters,
    /// digits and `-_.+`.
    pub fn new(name: &str, version: &str, client: &str, flag: &str) -> Result<Self, BuildError> {
        let path = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
        check("driver name", name, |byte| byte.is_ascii_graphic() || byte == b' ')?;
        check("driver version", version, path)?;
        check("client name", client, path)?;
        check("flag name", flag, |byte| byte.is_ascii_graphic())?;
        Ok(DriverIdentity {
            name: name.into(),
            version: version.into(),
            client: client.into(),
            flag: flag.into(),
        })
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
}

fn check(name: &'static str, value: &str, allowed: impl Fn(u8) -> bool) -> Result<(), BuildError> {
    let dots = value.bytes().all(|byte| byte == b'.');
    if value.len() > 128 || dots || !value.bytes().all(allowed) {
        return Err(BuildError::InvalidName { name, value: sanitize(value).chars().take(128).collect() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_could_leave_its_place_in_a_path_or_header() {
        assert!(DriverIdentity::new("My Driver", "1.2.3", "RUST", "a.b").is_ok());
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
            assert!(
                DriverIdentity::new(name, version, client, flag).is_err(),
                "{name:?} {version} {client} {flag}"
            );
        }
    }
}

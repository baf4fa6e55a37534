//! Who speaks: the program as a resource, the driver as what measured.

use telemetry_core::SystemInfo;
use telemetry_core::record::DriverContext;

use super::Mapping;
use super::attributes::Attributes;
use crate::proto::{InstrumentationScope, Resource};

impl Mapping {
    /// The program. What its user says of it wins over what the driver knows.
    pub(super) fn resource(&self, driver: &DriverContext) -> Resource {
        let SystemInfo {
            runtime_name,
            runtime_version,
            runtime_vendor,
            os_name,
            os_version,
            os_arch,
            client_app_name,
            locale_name,
            char_set_encoding,
            process_name,
        } = &driver.system;
        let (config, names) = (&self.config, &self.names);
        let mut known = Attributes::default();
        let unknown = || match process_name {
            Some(process) => format!("unknown_service:{process}"),
            None => "unknown_service".to_owned(),
        };
        let said = config.resource.iter().find(|(name, _)| name == "service.name").map(|(_, value)| value);
        let service = config.service_name.as_ref().or(said).or(client_app_name.as_ref());
        known.text("service.name", Some(&service.cloned().unwrap_or_else(unknown)));
        known.text("telemetry.sdk.name", Some(env!("CARGO_PKG_NAME")));
        known.text("telemetry.sdk.language", Some("rust"));
        known.text("telemetry.sdk.version", Some(env!("CARGO_PKG_VERSION")));
        known.text("process.executable.name", process_name.as_deref());
        known.text("process.runtime.name", runtime_name.as_deref());
        known.text("process.runtime.version", runtime_version.as_deref());
        known.text("os.type", os_name.as_deref().map(os_type));
        known.text("os.version", os_version.as_deref());
        known.text("host.arch", os_arch.as_deref().map(arch));
        known.text(&names.runtime_vendor, runtime_vendor.as_deref());
        known.text(&names.client_app_name, client_app_name.as_deref());
        known.text(&names.locale_name, locale_name.as_deref());
        known.text(&names.char_set_encoding, char_set_encoding.as_deref());
        let said = |key: &str| config.resource.iter().any(|(name, _)| name == key);
        known.0.retain(|attribute| attribute.key == "service.name" || !said(&attribute.key));
        for (name, value) in config.resource.iter().filter(|(name, _)| name != "service.name") {
            known.text(name, Some(value));
        }
        Resource { attributes: known.0 }
    }
}

/// The driver.
pub(super) fn scope(driver: &DriverContext) -> InstrumentationScope {
    let (name, version) = (driver.identity.name(), driver.identity.version());
    InstrumentationScope { name: name.to_owned(), version: version.to_owned() }
}

/// The conventions' name of a system, where they have another.
fn os_type(name: &str) -> &str {
    match name {
        "macos" | "ios" => "darwin",
        other => other,
    }
}

/// The conventions' name of an architecture, where they have another.
fn arch(name: &str) -> &str {
    match name {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        other => other,
    }
}

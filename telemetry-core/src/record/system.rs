//! What the program runs on.

use crate::record::debug::debug_redacted;
use std::path::Path;

/// What the program runs on. Detected once; every field can be overridden by a binding that knows better, such as
/// the runtime's name when the host language is Python.
#[derive(Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "mirrors the wire's message, and is matched whole where it is mapped"
)]
pub struct SystemInfo {
    /// The language runtime's name, such as `rust` or `Node.js`.
    pub runtime_name: Option<String>,
    /// The language runtime's version; of Rust, the compiler's that built this.
    pub runtime_version: Option<String>,
    /// Who makes the language runtime.
    pub runtime_vendor: Option<String>,
    /// The operating system's name, such as `linux`.
    pub os_name: Option<String>,
    /// The operating system's version; on Linux the kernel's.
    pub os_version: Option<String>,
    /// The processor's architecture, such as `x86_64`.
    pub os_arch: Option<String>,
    /// The application that uses the driver, as its author names it. Never detected.
    pub client_app_name: Option<String>,
    /// The locale, such as `en_US`.
    pub locale_name: Option<String>,
    /// The character set of the program's texts.
    pub char_set_encoding: Option<String>,
    /// The base name of the program's file, without path or arguments.
    pub process_name: Option<String>,
}

debug_redacted!(SystemInfo {
    runtime_name,
    runtime_version,
    runtime_vendor,
    os_name,
    os_version,
    os_arch,
    client_app_name,
    locale_name,
    char_set_encoding,
    process_name
});

impl SystemInfo {
    /// Asks the system. It starts no process, and what can't be found out is left out.
    pub fn detect() -> Self {
        SystemInfo {
            runtime_name: Some("rust".to_owned()),
            runtime_version: option_env!("TELEMETRY_RUSTC_VERSION").map(str::to_owned),
            runtime_vendor: Some("The Rust Foundation".to_owned()),
            os_name: Some(std::env::consts::OS.to_owned()),
            os_version: if cfg!(target_os = "linux") {
                sysinfo::System::kernel_version()
            } else {
                sysinfo::System::os_version()
            },
            os_arch: Some(std::env::consts::ARCH.to_owned()),
            client_app_name: None,
            locale_name: sys_locale::get_locale().map(|locale| locale.replace('-', "_")),
            char_set_encoding: Some("UTF-8".to_owned()),
            process_name: std::env::current_exe().ok().and_then(|path| base_name(&path)),
        }
    }
}

fn base_name(path: &Path) -> Option<String> {
    Some(path.file_stem()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detection_finds_this_system() {
        let system = SystemInfo::detect();
        assert_eq!(system.os_name.as_deref(), Some(std::env::consts::OS));
        assert_eq!(system.os_arch.as_deref(), Some(std::env::consts::ARCH));
        assert!(system.os_version.is_some_and(|version| version.contains('.')));
        assert!(system.process_name.is_some_and(|name| !name.is_empty() && !name.contains(['/', '\\'])));
        assert!(system.runtime_version.is_some_and(|version| version.starts_with("1.")));
        assert_eq!(system.client_app_name, None);
    }
}

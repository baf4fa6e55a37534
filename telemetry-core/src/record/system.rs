//! What the program runs on.

use std::path::Path;

use crate::record::message::message;
use crate::text::fields::{base_name, field};

message! {
    /// What the program runs on. Detected once; every field can be overridden by a binding that knows better,
    /// such as the runtime's name when the host language is Python.
    SystemInfo {
        /// The language runtime's name, such as `rust` or `Node.js`.
        [vendor customer] runtime_name: String => field,
        /// The language runtime's version; of Rust, the compiler's that built this.
        [vendor customer] runtime_version: String => field,
        /// Who makes the language runtime.
        [vendor customer] runtime_vendor: String => field,
        /// The operating system's name, such as `linux`.
        [vendor customer] os_name: String => field,
        /// The operating system's version; on Linux the kernel's.
        [vendor customer] os_version: String => field,
        /// The processor's architecture, such as `x86_64`.
        [vendor customer] os_arch: String => field,
        /// The application that uses the driver, as its author names it. Never detected.
        [vendor customer] client_app_name: String => field,
        /// The locale, such as `en_US`.
        [vendor customer] locale_name: String => field,
        /// The character set of the program's texts.
        [vendor customer] char_set_encoding: String => field,
        /// The base name of the program's file, without path or arguments.
        [vendor customer] process_name: String => base_name,
    }
}

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
            process_name: std::env::current_exe().ok().and_then(|path| file_stem(&path)),
        }
    }
}

fn file_stem(path: &Path) -> Option<String> {
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

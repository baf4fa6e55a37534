//! Files of the copy, and of what is made of it: for their owner alone.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

/// How the names of the files end that SQLite has beside a database, and that of its own.
#[cfg(unix)]
const ENDS: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// Makes a file that isn't there yet, for its owner alone.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes the copy's file where there is none.
pub(super) fn create(path: &Path) -> io::Result<()> {
    match create_new(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    #[cfg(unix)]
    for end in ENDS {
        check_mode(path, end)?;
    }
    Ok(())
}

/// Whether a file of the copy is closed to others, if there is one. In a folder that many may write to,
/// somebody may have put one there, to read along.
#[cfg(unix)]
fn check_mode(path: &Path, end: &str) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    match std::fs::metadata(&name) {
        Ok(found) if found.is_file() && found.permissions().mode() & 0o077 != 0 => Err(io::Error::new(
            ErrorKind::PermissionDenied,
            format!(
                "others may read or write {}: delete it, or let chmod 600 close it",
                Path::new(&name).display()
            ),
        )),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_others_left_open_for_themselves_is_not_written() {
        for end in ["", "-wal", "-shm", "-journal"] {
            let path = std::env::temp_dir().join(format!("telemetry-view-file-{}", std::process::id()));
            let name = format!("{}{end}", path.display());
            for (mode, is_kept) in [(0o604, false), (0o620, false), (0o600, true)] {
                std::fs::write(&name, "").unwrap();
                std::fs::set_permissions(&name, PermissionsExt::from_mode(mode)).unwrap();
                let error = create(&path).err().map(|error| error.to_string());
                assert_eq!(error.is_none(), is_kept, "{name} {mode:o}: {error:?}");
                assert!(error.is_none_or(|error| error.contains(&name)));
            }
            _ = std::fs::remove_file(&name);
            _ = std::fs::remove_file(&path);
        }
    }
}

//! The state file on its disk. It is replaced as a whole: whoever reads it, also after a crash, finds the old one or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{Fault, MAX_FILE_BYTES, Saved, decode};

/// Names of groups and topics are nobody else's business.
const MODE: u32 = 0o600;

/// Reads it; `None` when there is none. May take as long as the disk does.
///
/// # Errors
/// Any fault but those of writing.
pub fn read(path: &Path) -> Result<Option<Saved>, Fault> {
    match bytes_of(path) {
        Ok(bytes) => decode(&bytes).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::Unreadable(error)),
    }
}

fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for somebody to write into it.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    let most = MAX_FILE_BYTES as u64 + 1;
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Puts a damaged one out of the way, for whoever wants to look at it: to its name with `.damaged`, in place of an earlier one.
///
/// # Errors
/// When the disk refuses.
pub fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = beside(path, ".damaged");
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// Replaces it, and comes back when it is safely on the disk.
///
/// # Errors
/// [`Fault::Full`], [`Fault::Unwritable`]; the old file stays as it is.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let new = beside(path, ".new");
    let written = replace(path, &new, bytes);
    if written.is_err() {
        let _nothing_to_tidy_up = fs::remove_file(&new);
    }
    written.map_err(fault_of)
}

fn fault_of(error: io::Error) -> Fault {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Fault::Full(error)
        }
        _ => Fault::Unwritable(error),
    }
}

fn replace(path: &Path, new: &Path, bytes: &[u8]) -> io::Result<()> {
    // One that a crash left behind; made anew, it can't be anybody's link to elsewhere.
    match fs::remove_file(new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(MODE).open(new)?;
    fill(&mut file, bytes)?;
    fs::rename(new, path)?;
    // The new name is safe only when its folder is.
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn fill(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_called_that() {
        // A device that never has any room.
        let mut full = OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("every Linux has it");
        let error = fill(&mut full, b"learned").expect_err("no room");
        assert!(matches!(fault_of(error), Fault::Full(_)));
    }
}

//! A small file system of its own, to be filled or made read-only.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// A small file system; gone when dropped.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// One of so many KiB at a folder that is made; `None` where the system does not let it be mounted.
    ///
    /// # Panics
    /// When the folder cannot be made.
    #[must_use]
    pub fn mount(at: &Path, kib: usize) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let size = format!("size={kib}k");
        let done =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "eightfold-test"]).arg(at).output();
        done.is_ok_and(|o| o.status.success()).then(|| SmallDisk(at.to_owned()))
    }

    /// Fills it up with the file `filler`.
    ///
    /// # Panics
    /// When it holds more than it should.
    pub fn fill(&self) {
        let mut file = fs::File::create(self.0.join("filler")).unwrap();
        let full = (0..1 << 17).find(|_| file.write_all(&[7; 1024]).is_err());
        assert!(full.is_some(), "the small disk holds more than it should");
    }

    /// Takes the filler away.
    ///
    /// # Panics
    /// When it is not there.
    pub fn make_room(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }

    /// Lets it be written to, or not; whether the system did so.
    #[must_use]
    pub fn writable(&self, writable: bool) -> bool {
        let how = if writable { "remount,rw" } else { "remount,ro" };
        let done = Command::new("mount").args(["-o", how]).arg(&self.0).output();
        done.is_ok_and(|o| o.status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let done = Command::new("umount").arg(&self.0).status();
        let gone = done.is_ok_and(|status| status.success());
        assert!(gone || std::thread::panicking(), "{} is still mounted", self.0.display());
    }
}

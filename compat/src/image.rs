//! What a folder holds, to see whether anything in it was touched.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use simd_adler32::Adler32;

/// Every file and folder below a folder, with length and checksum of the files.
pub type Image = BTreeMap<PathBuf, Option<(u64, u32)>>;

/// The image of a folder; empty when there is none.
///
/// # Errors
/// When something in it cannot be read.
pub fn image(folder: &Path) -> io::Result<Image> {
    let mut image = Image::new();
    if folder.exists() {
        add(folder, &mut image)?;
    }
    Ok(image)
}

fn add(folder: &Path, image: &mut Image) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_dir = path.is_dir();
        let content = if is_dir { None } else { Some(sum(&path)?) };
        if is_dir {
            add(&path, image)?;
        }
        image.insert(path, content);
    }
    Ok(())
}

/// Length and checksum, without holding a preallocated log in memory.
fn sum(path: &Path) -> io::Result<(u64, u32)> {
    let mut file = fs::File::open(path)?;
    let (mut sum, mut length) = (Adler32::new(), 0);
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok((length, sum.finish())),
            n => {
                sum.write(&chunk[..n]);
                length += n as u64;
            }
        }
    }
}

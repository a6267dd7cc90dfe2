//! What a function weighs on its way to where it runs.

use std::fs::File;
use std::io;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// A zip's headers around its one file, `bootstrap`.
const HEADERS: u64 = 116;

/// The size of the zip that Lambda would be given for this binary, to within a hundredth.
pub fn zipped_bytes(binary: &str) -> u64 {
    let mut binary = File::open(binary).unwrap_or_else(|error| panic!("{binary} cannot be read: {error}"));
    let mut zip = DeflateEncoder::new(Weight(HEADERS), Compression::default());
    io::copy(&mut binary, &mut zip).expect("a file can be read to its end");
    zip.finish().expect("a count takes everything").0
}

/// What was written, by its length alone.
struct Weight(u64);

impl io::Write for Weight {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

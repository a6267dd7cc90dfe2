//! Puts the pages that `make setup` has built in `web/dist` into the binary, with what `web/scripts` has compressed.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let dist = folder("CARGO_MANIFEST_DIR").join("web/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    if !dist.join("index.html").exists() {
        println!("cargo::warning=the pages are not built, so the dashboard has none: run `make setup`");
    }
    let mut files = Vec::new();
    find(&dist, &mut files);
    files.sort();
    let mut code = String::from("static FILES: &[File] = &[\n");
    for file in &files {
        let path = file.strip_prefix(&dist).expect("it was found there").to_str().expect("names are text");
        let beside = |extension: &str| {
            let compressed = PathBuf::from(format!("{}.{extension}", file.display()));
            let bytes = compressed.exists().then(|| format!("include_bytes!({compressed:?})"));
            bytes.map_or("None".to_owned(), |bytes| format!("Some({bytes})"))
        };
        writeln!(
            code,
            "File {{ path: {path:?}, plain: include_bytes!({file:?}), brotli: {}, gzip: {} }},",
            beside("br"),
            beside("gz")
        )
        .expect("a string takes everything");
    }
    code.push_str("];\n");
    fs::write(folder("OUT_DIR").join("pages.rs"), code).expect("the build's own folder can be written to");
}

fn folder(name: &str) -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "cargo speaks to a build script so")]
    let folder = env::var_os(name);
    folder.expect("cargo sets it").into()
}

/// What is served by itself, and not as another form of something.
fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if path.is_dir() {
            find(&path, files);
        } else if !matches!(extension, "br" | "gz" | "map") {
            files.push(path);
        }
    }
}

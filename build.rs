//! Compiles the protos without `protoc`, and keeps their descriptors for reflection and for JSON.

use std::error::Error;
use std::path::{Path, PathBuf};

const PROTO_ROOT: &str = "proto";
const PACKAGE: &str = "proto/surety/v1";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTO_ROOT}");
    let mut compiler = protox::Compiler::new([PROTO_ROOT])?;
    // Source info carries the comments into the generated code's documentation.
    compiler.include_source_info(true).include_imports(true).open_files(protos()?)?;
    let descriptors = PathBuf::from(std::env::var("OUT_DIR")?).join("surety_descriptors.bin");
    std::fs::write(descriptors, compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure().compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

/// The package's files in one order, so that the same protos give the same bytes.
fn protos() -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(PACKAGE)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path.strip_prefix(Path::new(PROTO_ROOT))?.to_owned());
        }
    }
    files.sort();
    Ok(files)
}

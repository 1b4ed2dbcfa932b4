//! Signatures of files in the format of minisign (<https://jedisct1.github.io/minisign/>): Ed25519 over the `BLAKE2b` digest of the file, in
//! `FILE.minisig`.
//!
//! Secret keys that are encrypted with a password are refused: whoever has one signs with minisign itself. Of public keys and signatures
//! the `minisign-verify` crate is the reader; signatures of the old kind, over the file itself, are refused.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use blake2b_simd::Params;
use data_encoding::BASE64;
use minisign_verify::{PublicKey, Signature};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use thiserror::Error;

use crate::files;

/// Appended to the name of a file.
const SUFFIX: &str = ".minisig";
/// Algorithm of a key, and of a signature over a digest.
const KEY_ALGORITHM: &[u8] = b"Ed";
const SIGNATURE_ALGORITHM: &[u8] = b"ED";
const CHECKSUM_ALGORITHM: &[u8] = b"B2";
/// A key that no password encrypts.
const NO_PASSWORD: &[u8] = &[0, 0];
/// The salt and the two limits of the password's hash, which mean nothing without a password.
const PASSWORD_HASH_BYTES: usize = 48;
const KEY_ID_BYTES: usize = 8;
const SEED_BYTES: usize = 32;
const PUBLIC_KEY_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 32;
const DIGEST_BYTES: usize = 64;
/// Files of keys and signatures are far smaller.
const TEXT_BYTES_MAX: u64 = 16 * 1024;
/// Bytes of a file that are hashed at once.
const READ_BYTES: usize = 256 * 1024;

/// Why a file cannot be signed, or its signature is not valid.
#[derive(Debug, Error)]
pub(crate) enum SignatureError {
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("{} is no secret key of minisign", path.display())]
    NoKey { path: PathBuf },
    #[error("the secret key {} is encrypted with a password", path.display())]
    Encrypted { path: PathBuf },
    #[error("the public key is none of minisign: {reason}")]
    PublicKey { reason: String },
    #[error("{} is no signature of minisign: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
    #[error("{} is not what was signed: {reason}", path.display())]
    Invalid { path: PathBuf, reason: String },
}

/// Signs a file with an unencrypted secret key. Returns the path of the signature, which replaces an earlier one.
pub(crate) fn sign(file: &Path, key: &Path, now_unix_s: u64) -> Result<PathBuf, SignatureError> {
    let SecretKey { id, pair } = SecretKey::read(key)?;
    let digest = digest(file)?;
    let signature = pair.sign(&digest);
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // A line end would end the comment.
    let comment = format!("timestamp:{now_unix_s}\tfile:{}\thashed", name.replace(['\r', '\n'], "_"));
    let commented = pair.sign(&[signature.as_ref(), comment.as_bytes()].concat());
    let text = format!(
        "untrusted comment: signature of longhaul\n{}\ntrusted comment: {comment}\n{}\n",
        BASE64.encode(&[SIGNATURE_ALGORITHM, &id, signature.as_ref()].concat()),
        BASE64.encode(commented.as_ref())
    );
    let path = signature_path(file);
    let written = files::create(&path).and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()));
    written.map_err(|source| SignatureError::Unwritable { path: path.clone(), source })?;
    Ok(path)
}

/// Compares a file with its signature in `FILE.minisig`. `key` is a public key in Base64, or the path of a file with one.
pub(crate) fn verify(file: &Path, key: &str) -> Result<(), SignatureError> {
    let key = match PublicKey::from_base64(key) {
        Ok(key) => Ok(key),
        Err(error) if files::is_file(Path::new(key)) => {
            PublicKey::decode(&text(Path::new(key))?).map_err(|_| error)
        }
        Err(error) => Err(error),
    };
    let key = key.map_err(|error| SignatureError::PublicKey { reason: error.to_string() })?;
    let path = signature_path(file);
    let malformed = |error: minisign_verify::Error| SignatureError::Malformed {
        path: path.clone(),
        reason: error.to_string(),
    };
    let signature = Signature::decode(&text(&path)?).map_err(malformed)?;
    let invalid = |error: minisign_verify::Error| SignatureError::Invalid {
        path: file.to_owned(),
        reason: error.to_string(),
    };
    let mut verifier = key.verify_stream(&signature).map_err(invalid)?;
    read(file, |bytes| verifier.update(bytes))?;
    verifier.finalize().map_err(invalid)
}

fn signature_path(file: &Path) -> PathBuf {
    let mut name: OsString = file.as_os_str().to_owned();
    name.push(SUFFIX);
    name.into()
}

/// A secret key that can sign.
struct SecretKey {
    id: [u8; KEY_ID_BYTES],
    pair: Ed25519KeyPair,
}

impl SecretKey {
    fn read(path: &Path) -> Result<Self, SignatureError> {
        let text = text(path)?;
        let no_key = || SignatureError::NoKey { path: path.to_owned() };
        let line = text.lines().nth(1).ok_or_else(no_key)?;
        let bytes = BASE64.decode(line.trim().as_bytes()).map_err(|_| no_key())?;
        let mut rest = &bytes[..];
        let mut take = |count: usize| {
            let (taken, left) = rest.split_at_checked(count)?;
            rest = left;
            Some(taken)
        };
        let mut field = |count: usize| take(count).ok_or_else(no_key);
        let (algorithm, password, checksum_algorithm) = (field(2)?, field(2)?, field(2)?);
        let _ = field(PASSWORD_HASH_BYTES)?;
        let (id, seed) = (field(KEY_ID_BYTES)?, field(SEED_BYTES)?);
        let (public, checksum) = (field(PUBLIC_KEY_BYTES)?, field(CHECKSUM_BYTES)?);
        if algorithm != KEY_ALGORITHM || checksum_algorithm != CHECKSUM_ALGORITHM {
            return Err(no_key());
        }
        if password != NO_PASSWORD {
            return Err(SignatureError::Encrypted { path: path.to_owned() });
        }
        let summed = [algorithm, id, seed, public].concat();
        let is_whole = Params::new().hash_length(CHECKSUM_BYTES).hash(&summed).as_bytes() == checksum;
        // Some programs write no checksum into a key without a password.
        let has_checksum = checksum.iter().any(|byte| *byte != 0);
        let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public).map_err(|_| no_key())?;
        if has_checksum && !is_whole || pair.public_key().as_ref() != public {
            return Err(no_key());
        }
        Ok(Self { id: id.try_into().map_err(|_| no_key())?, pair })
    }
}

/// The digest of a file that is signed.
fn digest(file: &Path) -> Result<Vec<u8>, SignatureError> {
    let mut hasher = Params::new().hash_length(DIGEST_BYTES).to_state();
    read(file, |bytes| {
        hasher.update(bytes);
    })?;
    Ok(hasher.finalize().as_bytes().to_vec())
}

fn read(path: &Path, mut take: impl FnMut(&[u8])) -> Result<(), SignatureError> {
    let mut read = || {
        let mut file = files::open(path)?;
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => take(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    };
    read().map_err(|source| SignatureError::Unreadable { path: path.to_owned(), source })
}

/// The text of a key or a signature.
fn text(path: &Path) -> Result<String, SignatureError> {
    let mut text = String::new();
    let read = files::open(path).and_then(|file| file.take(TEXT_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|source| SignatureError::Unreadable { path: path.to_owned(), source })?;
    Ok(text)
}

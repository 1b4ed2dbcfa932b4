//! Compares what arrives with the digests that its server announces. Bytes are hashed once, as they arrive, and only with the
//! algorithms that were announced.

use longhaul_http::digest::{self, AnnouncedDigest, DigestAlgorithm, DigestScope, Hasher};
use longhaul_http::{Head, HeaderMap};

/// Digests of bytes that begin at one offset, and how they are announced.
#[derive(Debug)]
pub(crate) struct ServerDigests {
    announced: Vec<AnnouncedDigest>,
    hashers: Vec<Hasher>,
    hashed_bytes: u64,
    covers: Covers,
}

/// What the hashed bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Covers {
    /// The whole representation, in one response.
    Both,
    /// The representation, from several responses.
    Representation,
    /// The content of one response, which is a part of the representation.
    Content,
}

impl Covers {
    fn covers(self, scope: DigestScope) -> bool {
        match self {
            Self::Both => true,
            Self::Representation => scope == DigestScope::Representation,
            Self::Content => scope == DigestScope::Content,
        }
    }
}

impl ServerDigests {
    /// For a response that has the whole representation: its content is the representation. `None` if nothing is announced.
    pub(crate) fn of_whole(head: &Head) -> Option<Box<Self>> {
        Self::of(head, Covers::Both)
    }

    /// For the content of a response that has a part.
    pub(crate) fn of_content(head: &Head) -> Option<Box<Self>> {
        Self::of(head, Covers::Content)
    }

    fn of(head: &Head, covers: Covers) -> Option<Box<Self>> {
        let announced = digest::announced(head).into_iter().filter(|digest| covers.covers(digest.scope));
        let announced: Vec<_> = announced.collect();
        let promised = digest::promised(head).into_iter().filter(|(_, scope)| covers.covers(*scope));
        let mut algorithms: Vec<DigestAlgorithm> =
            announced.iter().map(|announced| announced.digest.algorithm()).collect();
        algorithms.extend(promised.map(|(algorithm, _)| algorithm));
        algorithms.sort_unstable();
        algorithms.dedup();
        let hashers: Vec<_> = algorithms.into_iter().map(Hasher::new).collect();
        (!hashers.is_empty()).then(|| Box::new(Self { announced, hashers, hashed_bytes: 0, covers }))
    }

    /// The response with this head has the bytes from this offset on. False if these are not the next ones, so that the hashes are
    /// of no use any more.
    pub(crate) fn append(&mut self, head: &Head, from: u64) -> bool {
        self.covers = Covers::Representation;
        self.announce(digest::announced(head));
        self.hashed_bytes == from
    }

    /// Bytes added so far.
    pub(crate) fn hashed_bytes(&self) -> u64 {
        self.hashed_bytes
    }

    /// Adds bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hashed_bytes += bytes.len() as u64;
        for hasher in &mut self.hashers {
            hasher.update(bytes);
        }
    }

    /// Compares all bytes so far, which are complete. `trailers` are those of the response with this head. Returns the name of the
    /// strongest digest that matches, if one does; the error says how one contradicts.
    pub(crate) fn check(
        &mut self,
        head: &Head,
        trailers: Option<&HeaderMap>,
    ) -> Result<Option<String>, String> {
        if let Some(trailers) = trailers {
            let covers = self.covers;
            let trailers = digest::in_trailers(head, trailers).into_iter();
            self.announced.extend(trailers.filter(|digest| covers.covers(digest.scope)));
        }
        let mut best: Option<&AnnouncedDigest> = None;
        for announced in &self.announced {
            let AnnouncedDigest { field, digest, is_binding, .. } = announced;
            let algorithm = digest.algorithm();
            let Some(hasher) = self.hashers.iter().find(|hasher| hasher.algorithm() == algorithm) else {
                continue;
            };
            let found = hasher.digest();
            if found == *digest {
                if best.is_none_or(|best| algorithm < best.digest.algorithm()) {
                    best = Some(announced);
                }
            } else if *is_binding {
                return Err(format!("its {algorithm} digest is {found} and not {digest} ({field})"));
            }
        }
        Ok(best.map(|best| format!("{} {}", best.field, best.digest.algorithm())))
    }

    /// Later announcements of the representation replace earlier ones.
    fn announce(&mut self, later: Vec<AnnouncedDigest>) {
        for digest in later.into_iter().filter(|digest| digest.scope == DigestScope::Representation) {
            let is_same = |earlier: &AnnouncedDigest| {
                (earlier.field, earlier.digest.algorithm()) == (digest.field, digest.digest.algorithm())
            };
            self.announced.retain(|earlier| !is_same(earlier));
            self.announced.push(digest);
        }
    }
}

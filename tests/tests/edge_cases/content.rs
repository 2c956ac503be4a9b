//! Archives.

use crate::support::{access_token, fact, quick_small, repo};
use integration_tests::bitbucket::{Bitbucket, context};
use mock_bitbucket::{ArchiveBearer, Behaviour, CredentialKind, TokenRequest};
use vcs_provider_interface::prelude::*;
use vcs_provider_interface::sink::collect_bytes;

fn archive(bitbucket: &Bitbucket, credential: Credential) -> Result<(StreamedContent, Vec<u8>)> {
    let client = bitbucket.client_with(credential);
    let request = GetArchiveRequest {
        repo: repo(),
        reference: Some("feature/one".to_owned()),
        format: ArchiveFormat::TAR_GZ,
        prefix: None,
        ..Default::default()
    };
    collect_bytes(|sink| client.get_archive(&context(), request, sink))
}

fn assert_is_archive(bytes: &[u8], what: &str) {
    assert_eq!(bytes.get(..2), Some(&[0x1f, 0x8b][..]), "{what}");
}

/// Situation `archive`.
#[test]
fn an_archive_that_a_bearer_token_cannot_have_comes_from_git() {
    for refusal in [ArchiveBearer::NotFound, ArchiveBearer::Forbidden] {
        let bitbucket = quick_small();
        bitbucket.mock.set_behaviour(Behaviour {
            archive_bearer: refusal,
            ..Behaviour::default()
        });
        let token = access_token(
            &bitbucket.mock,
            &TokenRequest::new(CredentialKind::WorkspaceAccessToken),
        );
        let (streamed, bytes) =
            archive(&bitbucket, token).unwrap_or_else(|error| panic!("{refusal:?}: {error}"));
        assert_is_archive(&bytes, "from git");
        assert_eq!(streamed.commit, bitbucket.git.hash("feature/one"));
        assert_eq!(streamed.length, bytes.len() as u64);
        assert_eq!(fact(&streamed.extra, "source"), Some("git"));
    }
}

/// Situation `archive`.
#[test]
fn with_an_api_token_the_archive_comes_from_the_service() {
    let bitbucket = quick_small();
    let (streamed, bytes) = archive(&bitbucket, Credential::configured()).expect("an archive");
    assert_is_archive(&bytes, "from the service");
    assert_eq!(streamed.commit, bitbucket.git.hash("feature/one"));
    assert_ne!(fact(&streamed.extra, "source"), Some("git"));
}

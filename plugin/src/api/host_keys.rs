//! The host keys of Bitbucket Cloud's SSH service.
//!
//! Source: <https://bitbucket.org/site/ssh>, and the fingerprints on Atlassian's
//! page "Configure SSH and two-step verification", which the tests hold the keys
//! to. In use since 20 June 2023. A key that Atlassian changes is changed here
//! from those two sources, never from what a server shows.

/// The hosts with these keys, as a `known_hosts` file names them. The second is
/// for networks that let nothing but port 443 out.
const HOSTS: [(&str, &str); 2] = [
    ("bitbucket.org", "bitbucket.org"),
    ("altssh.bitbucket.org", "[altssh.bitbucket.org]:443"),
];

const KEYS: [&str; 3] = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO",
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPIQmuzMBuKdWeF4+\
     a2sjSSpBK0iqitSQ+5BM9KhpexuGt20JpTVM7u5BDZngncgrqDMbWdxMWWOGtZ9UgbqgZE=",
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDQeJzhupRu0u0cdegZIa8e86EG2qOCsIsD1Xw0xSeiPDlCr7kq97\
     NLmMbpKTX6Esc30NuoqEEHCuc7yWtwp8dI76EEEB1VqY9QJq6vk+aySyboD5QF61I/1WeTwu+deCbgKMGbUijeXhtf\
     bxSxm6JwGrXrhBdofTsbKRUsrN1WoNgUa8uqN1Vx6WAJw1JHPhglEGGHea6QICwJOAr/6mrui/oB7pkaWKHj3z7d1I\
     C4KWLtY47elvjbaTlkN04Kc/5LFEirorGYVbt15kAUlqGM65pk6ZBxtaO3+30LVlORZkxOh+LKL/BvbZ/iRNhItLqN\
     yieoQj/uh/7Iv4uyH/cV/0b4WDSd3DptigWq84lJubb9t/DnZlrJazxyDCulTmKdOR7vs9gMTo+uoIrPSb8ScTtvw6\
     5+odKAlBj59dhnVp9zd7QUojOpXlL62Aw56U4oO+FALuevvMjiWeavKhJqlR7i5n9srYcrNV7ttmDw7kf/97P5zauI\
     hxcjX+xHv4M=",
];

/// The lines of a `known_hosts` file for the host of an SSH address; none for
/// hosts that are not Bitbucket's.
pub(super) fn known_hosts(ssh_url: &str) -> Vec<String> {
    let Some(host) = host_of(ssh_url) else {
        return Vec::new();
    };
    HOSTS
        .iter()
        .filter(|(name, _)| *name == host)
        .flat_map(|(_, shown)| KEYS.iter().map(move |key| format!("{shown} {key}")))
        .collect()
}

/// The host of `ssh://user@host:port/path` or `user@host:path`.
fn host_of(address: &str) -> Option<String> {
    let rest = match address.split_once("://") {
        Some(("ssh", rest)) => rest.split('/').next()?,
        Some(_) => return None,
        None => address.split_once(':')?.0,
    };
    let host = rest.rsplit('@').next()?;
    let host = host.split(':').next()?;
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
    use sha2::{Digest, Sha256};

    #[test]
    fn the_keys_have_the_fingerprints_that_atlassian_publishes() {
        let fingerprints: Vec<String> = KEYS
            .iter()
            .map(|key| {
                let (_, blob) = key.split_once(' ').expect("kind and key");
                let blob = STANDARD.decode(blob).expect("base64");
                STANDARD_NO_PAD.encode(Sha256::digest(blob))
            })
            .collect();
        assert_eq!(
            fingerprints,
            [
                "ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
                "FC73VB6C4OQLSCrjEayhMp9UMxS97caD/Yyi2bhW/J0",
                "46OSHA1Rmj8E8ERTC6xkNcmGOw9oFxYr0WF6zWW8l1E"
            ]
        );
    }

    #[test]
    fn only_bitbuckets_hosts_have_bitbuckets_keys() {
        for address in [
            "git@bitbucket.org:team/repo.git",
            "ssh://git@Bitbucket.org/team/repo.git",
            "ssh://git@bitbucket.org:22/team/repo.git",
        ] {
            let lines = known_hosts(address);
            assert_eq!(lines.len(), 3, "{address}");
            assert!(lines.iter().all(|line| line.starts_with("bitbucket.org ")));
        }
        let other = known_hosts("ssh://git@altssh.bitbucket.org:443/team/repo.git");
        assert!(other[0].starts_with("[altssh.bitbucket.org]:443 ssh-ed25519 "));
        for address in [
            "",
            "git@localhost:team/repo.git",
            "git@bitbucket.org.evil.example:x",
            "https://bitbucket.org/team/repo.git",
            "ssh://bitbucket.org@evil.example/x",
            "/srv/bitbucket.org:x",
        ] {
            assert!(known_hosts(address).is_empty(), "{address}");
        }
    }
}

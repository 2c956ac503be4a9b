//! A hook's secret, in the form that the service takes.

use crate::random::{self, NoRandomness};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use vcs_provider_interface::error::{ErrorKind, Result, VcsError};
use vcs_provider_interface::records::{SecretAlphabet, SecretForm};
use vcs_provider_interface::secret::Secret;

/// The longest secret that is made, whatever a provider says.
const LONGEST: u64 = 1024;

const LETTERS_AND_DIGITS: &[u8; 62] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Makes a random secret: of 256 bits where the form leaves room for them, and
/// never of fewer than 128.
///
/// # Errors
/// `InvalidResponse` for a form that no safe secret has, `Internal` if the system
/// gives no random bytes.
pub(super) fn of(form: &SecretForm) -> Result<Secret> {
    // Lengths for 128 and 256 bits.
    let (enough, wanted) = match form.alphabet {
        SecretAlphabet::PRINTABLE | SecretAlphabet::ALPHANUMERIC => (22, 43),
        SecretAlphabet::BASE64 => (16, 32),
        // Hexadecimal digits are among those of an alphabet that is not known.
        _ => (32, 64),
    };
    let longest = form.max_length.unwrap_or(LONGEST).min(LONGEST);
    if longest < enough || form.min_length > longest {
        return Err(VcsError::new(
            ErrorKind::INVALID_RESPONSE,
            format!(
                "the provider asks for a hook's secret of {} to {longest} characters, and a safe \
                 one has at least {enough}",
                form.min_length
            ),
        ));
    }
    let length = usize::try_from(form.min_length.max(wanted).min(longest)).unwrap_or(0);
    let text = random_text(form.alphabet, length)
        .map_err(|error| VcsError::new(ErrorKind::INTERNAL, error.to_string()))?;
    Ok(Secret::new(format!("{}{text}", form.prefix)))
}

fn random_text(
    alphabet: SecretAlphabet,
    length: usize,
) -> std::result::Result<String, NoRandomness> {
    let mut text = match alphabet {
        SecretAlphabet::BASE64 => return Ok(STANDARD.encode(random::many_bytes(length)?)),
        SecretAlphabet::PRINTABLE => URL_SAFE_NO_PAD.encode(random::many_bytes(length)?),
        SecretAlphabet::ALPHANUMERIC => {
            let mut text = String::new();
            while text.len() < length {
                // Those above the last multiple would prefer the first letters.
                let fair = random::many_bytes(length)?
                    .into_iter()
                    .filter(|byte| *byte < 248)
                    .map(|byte| char::from(LETTERS_AND_DIGITS[usize::from(byte % 62)]));
                text.extend(fair);
            }
            text
        }
        _ => hex::encode(random::many_bytes(length)?),
    };
    text.truncate(length);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(alphabet: SecretAlphabet, min_length: u64, max_length: Option<u64>) -> String {
        let form = SecretForm {
            min_length,
            max_length,
            alphabet,
            prefix: "whsec_".to_owned(),
            ..SecretForm::default()
        };
        let secret = of(&form).unwrap();
        secret.expose().strip_prefix("whsec_").unwrap().to_owned()
    }

    #[test]
    fn secrets_have_the_form_that_is_asked_for_and_are_never_alike() {
        let printable = made(SecretAlphabet::PRINTABLE, 0, None);
        assert_eq!(printable.len(), 43);
        assert_ne!(printable, made(SecretAlphabet::PRINTABLE, 0, None));
        let letters = made(SecretAlphabet::ALPHANUMERIC, 60, Some(70));
        assert_eq!(letters.len(), 60);
        assert!(letters.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        for alphabet in [SecretAlphabet::HEX, SecretAlphabet::from_number(900)] {
            let digits = made(alphabet, 0, Some(40));
            assert_eq!(digits.len(), 40);
            assert!(digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
        let bytes = STANDARD.decode(made(SecretAlphabet::BASE64, 24, Some(64)));
        assert_eq!(bytes.unwrap().len(), 32);
    }

    #[test]
    fn a_form_that_no_safe_secret_has_is_an_error() {
        for (min_length, max_length) in [(0, Some(8)), (50, Some(40)), (u64::MAX, None)] {
            let form = SecretForm {
                min_length,
                max_length,
                ..SecretForm::default()
            };
            let error = of(&form).unwrap_err();
            assert_eq!(error.kind, ErrorKind::INVALID_RESPONSE, "{error}");
        }
    }
}

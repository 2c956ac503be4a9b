//! Code numbers that can grow: a Rust `enum` passed across the boundary may
//! never gain a variant, a number with named constants may.
//!
//! # As text
//! A code of 1.0 is written as its bare name. A code that a later version added
//! is written as its name with its number, `name(50)`, and one that this version
//! does not know as `Unknown(50)`. A reader goes by the number in parentheses.
//! So every code survives being written by one version and read by another,
//! older or newer, in JSON and in a store alike.

/// Declares a `u16` newtype with named constants, a name for each, and one form
/// as text for `Display`, `FromStr` and `serde`. Codes that came after 1.0 stand
/// in the section `added`.
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$variant_meta:meta])* $constant:ident = $number:literal => $text:literal, )*
        }
        $( added { $( $(#[$added_meta:meta])* $added:ident = $added_number:literal => $added_text:literal, )* } )?
    ) => {
        $(#[$meta])*
        #[repr(transparent)]
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, abi_stable::StableAbi)]
        pub struct $name(u16);

        impl $name {
            $( $(#[$variant_meta])* pub const $constant: Self = Self($number); )*
            $( $( $(#[$added_meta])* pub const $added: Self = Self($added_number); )* )?

            /// Every value that this version of the interface names.
            pub const ALL: &'static [Self] = &[$(Self::$constant,)* $( $(Self::$added,)* )?];

            /// The value with this number, known to this version or not.
            #[must_use]
            pub const fn from_number(number: u16) -> Self {
                Self(number)
            }

            /// The number that crosses the boundary.
            #[must_use]
            pub const fn number(self) -> u16 {
                self.0
            }

            /// The name, or `None` for a number from a newer interface.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $( $number => Some($text), )*
                    $( $( $added_number => Some($added_text), )* )?
                    _ => None,
                }
            }

            /// The value of this name, compared without case.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.name().is_some_and(|text| text.eq_ignore_ascii_case(name)))
            }
        }

        /// The bare name of a code of 1.0, otherwise a name with the number in
        /// parentheses.
        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.0 {
                    $( $number => formatter.pad($text), )*
                    $( $( $added_number => {
                        formatter.pad(concat!($added_text, "(", stringify!($added_number), ")"))
                    } )* )?
                    other => formatter.pad(&format!("Unknown({other})")),
                }
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, formatter)
            }
        }

        /// Takes a name, in any case, or any name with a number in parentheses.
        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
                Self::from_name(text)
                    .or_else(|| $crate::open_enum::number_in(text).map(Self))
                    .ok_or_else(|| {
                        let known: Vec<&str> =
                            Self::ALL.iter().filter_map(|value| value.name()).collect();
                        format!("{text:?} is none of {}", known.join(", "))
                    })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl $crate::abi::AbiValue for $name {
            type Abi = Self;

            fn into_abi(self) -> Self {
                self
            }

            fn from_abi(abi: Self) -> Self {
                abi
            }
        }

        impl $crate::wire::Wire for $name {
            fn write(&self, buffer: &mut $crate::wire::WireBuffer) {
                $crate::wire::Wire::write(&self.0, buffer);
            }

            fn read(
                reader: &mut $crate::wire::WireReader<'_>,
            ) -> std::result::Result<Self, $crate::wire::Malformed> {
                $crate::wire::Wire::read(reader).map(Self)
            }
        }

        #[cfg(test)]
        impl $crate::json_forms::Sample for $name {
            fn sample(_: bool) -> Self {
                // The last one, since the first is often the default.
                Self::ALL[Self::ALL.len() - 1]
            }
        }

        #[cfg(test)]
        impl $crate::open_enum::OpenEnum for $name {
            const ALL: &'static [Self] = Self::ALL;

            fn from_number(number: u16) -> Self {
                Self(number)
            }
        }
    };
}

pub(crate) use open_enum;

/// The number in `name(50)`.
pub(crate) fn number_in(text: &str) -> Option<u16> {
    let (name, number) = text.strip_suffix(')')?.split_once('(')?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    (!name.is_empty() && is_number)
        .then(|| number.parse().ok())
        .flatten()
}

/// What tests need of every code.
#[cfg(test)]
pub(crate) trait OpenEnum:
    Copy + PartialEq + std::fmt::Debug + std::fmt::Display + std::str::FromStr<Err = String> + 'static
{
    const ALL: &'static [Self];

    fn from_number(number: u16) -> Self;
}

/// Hands every code of the interface to another macro, where the records are in
/// scope.
#[cfg(test)]
macro_rules! every_code {
    ($consumer:ident) => {
        $consumer!(
            AnnotationType,
            ArchiveFormat,
            BranchSort,
            BuildState,
            CredentialKind,
            crate::error::ErrorKind,
            EventKind,
            FileChange,
            crate::sink::Flow,
            crate::services::LogLevel,
            MergeStrategy,
            ProofKind,
            PullRequestState,
            RefKind,
            ReportDataType,
            ReportResult,
            ReportType,
            SecretAlphabet,
            Severity,
            SignatureState,
            Visibility
        )
    };
}

#[cfg(test)]
pub(crate) use every_code;

#[cfg(test)]
#[allow(dead_code, unreachable_pub)]
mod tests {
    use super::*;

    open_enum! {
        /// As 1.0 has it.
        pub enum Old {
            /// One.
            ONE = 1 => "one",
        }
    }

    mod newer {
        open_enum! {
            /// As a later version has it.
            pub enum New {
                /// One.
                ONE = 1 => "one",
            }
            added {
                /// Two.
                TWO = 2 => "two",
            }
        }
    }
    use newer::New;

    #[test]
    fn a_new_code_passes_through_an_old_reader_and_back() {
        assert_eq!(New::TWO.to_string(), "two(2)");
        let old: Old = New::TWO.to_string().parse().unwrap();
        assert_eq!((old.number(), old.name()), (2, None));
        assert_eq!(old.to_string(), "Unknown(2)");
        assert_eq!(old.to_string().parse::<New>().unwrap(), New::TWO);
        assert_eq!("TWO".parse::<New>().unwrap(), New::TWO);
        assert_eq!(New::ONE.to_string().parse::<Old>().unwrap(), Old::ONE);
        assert!(Old::from_name("two").is_none());
    }

    #[test]
    fn what_is_no_code_is_an_error_that_lists_the_names() {
        for text in [
            "", "two", "(2)", "x(", "x(a)", "x(70000)", "x(-1)", "x(1)y", "x()",
        ] {
            let error = text.parse::<Old>().unwrap_err();
            assert!(error.ends_with("is none of one"), "{text}: {error}");
        }
    }

    /// Every number of a code, as text and back.
    fn survives<T: OpenEnum>(name: &str) {
        for number in (0..1000).chain([u16::MAX]) {
            let code = T::from_number(number);
            assert_eq!(code.to_string().parse(), Ok(code), "{name} {number}");
        }
        let mut all: Vec<String> = T::ALL.iter().map(|code| code.to_string()).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), T::ALL.len(), "{name}: two codes of one name");
    }

    #[test]
    fn every_number_of_every_code_survives_as_text() {
        use crate::records::*;
        macro_rules! all_survive {
            ($($name:ty),*) => { $( survives::<$name>(stringify!($name)); )* };
        }
        every_code!(all_survive);
    }
}

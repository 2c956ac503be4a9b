//! Code numbers that can grow: a Rust `enum` passed across the boundary may
//! never gain a variant, a number with named constants may.

/// Declares a `u16` newtype with named constants, a name for each and `serde`
/// by name. An unknown number survives the round trip and is shown as such.
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$variant_meta:meta])* $constant:ident = $number:literal => $text:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[repr(transparent)]
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, abi_stable::StableAbi)]
        pub struct $name(u16);

        impl $name {
            $( $(#[$variant_meta])* pub const $constant: Self = Self($number); )*

            /// Every value that this version of the interface names.
            pub const ALL: &'static [Self] = &[$(Self::$constant),*];

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

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => formatter.pad(name),
                    None => write!(formatter, "Unknown({})", self.0),
                }
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, formatter)
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
                Self::from_name(text).ok_or_else(|| {
                    let known: Vec<&str> = Self::ALL.iter().filter_map(|value| value.name()).collect();
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

        impl $crate::value::AbiValue for $name {
            type Abi = Self;

            fn into_abi(self) -> Self {
                self
            }

            fn from_abi(abi: Self) -> Self {
                abi
            }
        }
    };
}

pub(crate) use open_enum;

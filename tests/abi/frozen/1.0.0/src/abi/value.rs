//! The two forms of a value: the plain Rust form that authors and hosts use,
//! and the form with a fixed layout that crosses the boundary.

use crate::value::Bytes;
use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RString, RVec, Tuple2};

/// A value with a form of fixed layout.
///
/// The conversions lose nothing. A `String` or `Vec` is handed over without a
/// copy; it is copied once where the receiving image has another allocator.
pub trait AbiValue: Sized {
    /// The form that crosses the boundary.
    type Abi: StableAbi;

    /// Turns the plain form into the boundary form.
    fn into_abi(self) -> Self::Abi;

    /// Turns the boundary form into the plain form.
    fn from_abi(abi: Self::Abi) -> Self;
}

macro_rules! same_in_both_forms {
    ($($type:ty),*) => {
        $(impl AbiValue for $type {
            type Abi = Self;

            fn into_abi(self) -> Self {
                self
            }

            fn from_abi(abi: Self) -> Self {
                abi
            }
        })*
    };
}

same_in_both_forms!(bool, u16, u32, u64, i64, ());

impl AbiValue for String {
    type Abi = RString;

    fn into_abi(self) -> RString {
        self.into()
    }

    fn from_abi(abi: RString) -> Self {
        abi.into_string()
    }
}

impl<T: AbiValue> AbiValue for Option<T> {
    type Abi = ROption<T::Abi>;

    fn into_abi(self) -> Self::Abi {
        self.map(T::into_abi).into()
    }

    fn from_abi(abi: Self::Abi) -> Self {
        abi.into_option().map(T::from_abi)
    }
}

impl<T: AbiValue> AbiValue for Vec<T> {
    type Abi = RVec<T::Abi>;

    fn into_abi(self) -> Self::Abi {
        self.into_iter().map(T::into_abi).collect()
    }

    fn from_abi(abi: Self::Abi) -> Self {
        abi.into_iter().map(T::from_abi).collect()
    }
}

impl<A: AbiValue, B: AbiValue> AbiValue for (A, B) {
    type Abi = Tuple2<A::Abi, B::Abi>;

    fn into_abi(self) -> Self::Abi {
        Tuple2(self.0.into_abi(), self.1.into_abi())
    }

    fn from_abi(abi: Self::Abi) -> Self {
        (A::from_abi(abi.0), B::from_abi(abi.1))
    }
}

impl AbiValue for Bytes {
    type Abi = RVec<u8>;

    fn into_abi(self) -> RVec<u8> {
        self.0.into()
    }

    fn from_abi(abi: RVec<u8>) -> Self {
        Self(abi.into_vec())
    }
}

/// Declares a record once and derives its two forms and the conversions, so
/// that a field cannot be present in one and forgotten in the other.
///
/// Every record ends with the field `extra`, which is added here: the layout of
/// a record is frozen, and this is how any of them can carry one more fact.
macro_rules! record {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident / $abi:ident {
            $( $(#[$field_meta:meta])* pub $field:ident : $type:ty, )*
        }
    )*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
            #[serde(default)]
            pub struct $name {
                $( $(#[$field_meta])* pub $field: $type, )*
                /// Facts without a field of their own. Its page says how keys are named.
                #[serde(skip_serializing_if = "crate::records::Extra::is_empty")]
                pub extra: $crate::records::Extra,
            }

            impl $crate::abi::AbiValue for $name {
                type Abi = $abi;

                fn into_abi(self) -> $abi {
                    $abi {
                        $( $field: <$type as $crate::abi::AbiValue>::into_abi(self.$field), )*
                        extra: $crate::abi::AbiValue::into_abi(self.extra),
                    }
                }

                fn from_abi(abi: $abi) -> Self {
                    Self {
                        $( $field: <$type as $crate::abi::AbiValue>::from_abi(abi.$field), )*
                        extra: $crate::abi::AbiValue::from_abi(abi.extra),
                    }
                }
            }

            impl $crate::wire::Wire for $name {
                fn write(&self, buffer: &mut $crate::wire::WireBuffer) {
                    $( $crate::wire::Wire::write(&self.$field, buffer); )*
                    $crate::wire::Wire::write(&self.extra, buffer);
                }

                fn read(
                    reader: &mut $crate::wire::WireReader<'_>,
                ) -> std::result::Result<Self, $crate::wire::Malformed> {
                    Ok(Self {
                        $( $field: $crate::wire::Wire::read(reader)?, )*
                        extra: $crate::wire::Wire::read(reader)?,
                    })
                }
            }

            #[cfg(test)]
            impl $crate::json_forms::Sample for $name {
                fn sample(secrets: bool) -> Self {
                    Self {
                        $( $field: $crate::json_forms::Sample::sample(secrets), )*
                        extra: $crate::json_forms::Sample::sample(secrets),
                    }
                }
            }
        )*

        /// The forms of this module's records that cross the boundary.
        pub(crate) mod on_the_boundary {
            #[allow(unused_imports)]
            use super::*;

            $(
                #[doc = concat!("The form of [`", stringify!($name), "`](super::", stringify!($name), ") that crosses the boundary.")]
                #[repr(C)]
                #[derive(abi_stable::StableAbi)]
                #[allow(missing_docs)]
                pub struct $abi {
                    $( pub $field: <$type as $crate::abi::AbiValue>::Abi, )*
                    pub extra: <$crate::records::Extra as $crate::abi::AbiValue>::Abi,
                }
            )*
        }
        pub(crate) use on_the_boundary::*;
    };
}

pub(crate) use record;

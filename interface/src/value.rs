//! The two forms of a value: the plain Rust form that authors and hosts use,
//! and the form with a fixed layout that crosses the boundary.

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

/// Bytes that are handed over whole, such as a webhook's raw body. A type of
/// its own, because a `Vec<u8>` would be converted element by element.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Bytes(pub Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Bytes({} bytes)", self.0.len())
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
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

            #[doc = concat!("The form of [`", stringify!($name), "`] that crosses the boundary.")]
            #[repr(C)]
            #[derive(abi_stable::StableAbi)]
            #[allow(missing_docs)]
            pub struct $abi {
                $( pub $field: <$type as $crate::value::AbiValue>::Abi, )*
                pub extra: <$crate::records::Extra as $crate::value::AbiValue>::Abi,
            }

            impl $crate::value::AbiValue for $name {
                type Abi = $abi;

                fn into_abi(self) -> $abi {
                    $abi {
                        $( $field: <$type as $crate::value::AbiValue>::into_abi(self.$field), )*
                        extra: $crate::value::AbiValue::into_abi(self.extra),
                    }
                }

                fn from_abi(abi: $abi) -> Self {
                    Self {
                        $( $field: <$type as $crate::value::AbiValue>::from_abi(abi.$field), )*
                        extra: $crate::value::AbiValue::from_abi(abi.extra),
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
        )*
    };
}

pub(crate) use record;

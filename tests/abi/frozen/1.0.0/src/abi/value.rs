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

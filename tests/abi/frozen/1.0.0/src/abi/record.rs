//! The macro that declares records.

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

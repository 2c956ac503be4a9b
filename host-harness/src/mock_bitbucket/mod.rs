//! A faithful, stateful Bitbucket Cloud over real git repositories.

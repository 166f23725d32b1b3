// Package config reads the configuration file.
//
// The file is TOML (https://toml.io/en/v1.0.0), and it is read strictly: an unknown key, a value of the wrong type or
// one that means nothing is an error that names file, line and column and says what would be right. All errors of a
// file are reported together, and a file with an error gives no configuration at all, so that a running daemon can
// keep the one it has.
package config

// Package config holds Meet's settings: a struct, the defaults, and functions that load and check the settings.
//
// Settings come from four sources. In rising precedence, these are [Default], the YAML file, the environment,
// including .env, and the command line. [Load] reads all of them and reports all problems together. Each problem
// begins with the name under which the setting was given; most have the form "name: got X, want Y". Only app and
// cmd/meet import this package; other packages have small Options of their own.
package config

// Package config is Meet's settings: one struct, its defaults, and how it is loaded and checked.
//
// A setting comes from, in rising order, [Default], the YAML file, the environment (with .env beneath it) and the
// command line. [Load] reads all of them and reports every problem at once, each as "name: got X, want Y" under
// the name it was given by. Only app and cmd/meet import this package; every other one takes its own small Options.
package config

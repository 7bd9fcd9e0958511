// Package testcert makes self-signed certificates for tests.
package testcert

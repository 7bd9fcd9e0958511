package config

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/jedisct1/go-minisign"
)

// basePathPattern matches one or more path segments that need no escaping in URLs.
var basePathPattern = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)

func setBasePath(c *Config, v string) error {
	v = strings.TrimSuffix(v, "/")
	if v != "" && !basePathPattern.MatchString(v) {
		return errValue
	}
	c.BasePath = v
	return nil
}

// repositoryPattern matches a GitHub repository as owner/name.
var repositoryPattern = regexp.MustCompile(`^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$`)

func setFrontendRepository(c *Config, v string) error {
	if !repositoryPattern.MatchString(v) {
		return errValue
	}
	c.FrontendRepository = v
	return nil
}

func setFrontendBranch(c *Config, v string) error {
	if strings.ContainsFunc(v, unicode.IsSpace) {
		return errValue
	}
	c.FrontendBranch = v
	return nil
}

// errToken is returned for an invalid token. Its text does not contain the token, because that may be a secret.
var errToken = errors.New("got an invalid token")

func setFrontendToken(c *Config, v string) error {
	if strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errToken
	}
	c.FrontendToken = v
	return nil
}

func setFrontendKey(c *Config, v string) error {
	if _, err := minisign.NewPublicKey(v); err != nil || !strings.HasPrefix(v, "RW") {
		return errValue
	}
	c.FrontendKey = v
	return nil
}

func setFrontendUpdate(c *Config, v string) error {
	if !slices.Contains([]string{"off", "start", "hourly"}, v) {
		return errValue
	}
	c.FrontendUpdate = v
	return nil
}

// setAddress returns a function that checks an http or https URL and stores it in a field.
func setAddress(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		u, err := url.Parse(v)
		if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
			return errValue
		}
		*field(c) = v
		return nil
	}
}

// frontendProblems returns an error for each contradiction between front end settings.
func (c *Config) frontendProblems() (problems []error) {
	if c.FrontendRepository != "" && c.FrontendURL != "" {
		problems = append(problems, errors.New("frontend_url: set frontend_url or frontend_repository, not both"))
	}
	if c.FrontendUpdate != "off" && c.FrontendRepository == "" && c.FrontendURL == "" {
		problems = append(problems, errors.New("frontend_update needs frontend_repository or frontend_url"))
	}
	return problems
}

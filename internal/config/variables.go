package config

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

const (
	variablePrefix = "MEET_"
	fileVariable   = "MEET_CONFIG" // path of the settings file
)

// variable returns the environment variable of a setting.
func variable(key string) string { return variablePrefix + strings.ToUpper(key) }

// UnknownVariable is a MEET_ variable that sets nothing.
type UnknownVariable struct {
	Name    string
	Closest string // the variable that was probably meant, "" if none is similar
}

// unknownVariables returns the MEET_ variables that are no settings. They are no error: programs that start the server
// add variables of their own.
func unknownVariables(vars map[string]string) (unknown []UnknownVariable) {
	known := []string{fileVariable}
	for _, s := range settings {
		known = append(known, variable(s.key))
	}
	for name, value := range vars {
		if value != "" && strings.HasPrefix(name, variablePrefix) && !slices.Contains(known, name) {
			unknown = append(unknown, UnknownVariable{name, closest(name, known)})
		}
	}
	slices.SortFunc(unknown, func(a, b UnknownVariable) int { return cmp.Compare(a.Name, b.Name) })
	return unknown
}

// listenSynonyms are names that other servers have for the address to listen on.
var listenSynonyms = []string{"MEET_PORT", "MEET_HOST", "MEET_ADDR", "MEET_ADDRESS", "MEET_BIND"}

// closest returns the known name that means the same, or else the one that differs least, unless more than a third of the
// letters differ.
func closest(name string, known []string) string {
	if slices.Contains(listenSynonyms, strings.ToUpper(name)) {
		return variable("listen")
	}
	distance := func(k string) int { return levenshtein.ComputeDistance(strings.ToUpper(name), k) }
	best := slices.MinFunc(known, func(a, b string) int { return cmp.Compare(distance(a), distance(b)) })
	if 3*distance(best) > len(name)-len(variablePrefix) {
		return ""
	}
	return best
}

// serviceLinks are the names and values of the variables that Kubernetes sets in every container for each service of its
// namespace. They begin with the service's name and may look like settings: a service named meet gives MEET_PORT, and one
// named server SERVER_PORT. https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
var serviceLinks = []struct{ name, value *regexp.Regexp }{
	{regexp.MustCompile(`^[A-Z0-9_]+_SERVICE_HOST$`), regexp.MustCompile(`^[0-9a-f.:]+$`)}, // an IP address
	{regexp.MustCompile(`^[A-Z0-9_]+_SERVICE_PORT(_[A-Z0-9_]+)?$`), regexp.MustCompile(`^[0-9]+$`)},
	{regexp.MustCompile(`^[A-Z0-9_]+_PORT(_[0-9]+_(TCP|UDP|SCTP))?$`), regexp.MustCompile(`^(tcp|udp|sctp)://`)},
	{regexp.MustCompile(`^[A-Z0-9_]+_PORT_[0-9]+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)$`), regexp.MustCompile(`.`)},
}

// isServiceLink reports whether Kubernetes set a variable. The value counts, since SERVER_PORT=8080 is a setting and
// SERVER_PORT=tcp://10.0.0.5:8080 is a link.
func isServiceLink(name, value string) bool {
	for _, link := range serviceLinks {
		if link.name.MatchString(name) && link.value.MatchString(value) {
			return true
		}
	}
	return false
}

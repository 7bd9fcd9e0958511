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

// variable returns the name of a setting's environment variable.
func variable(key string) string { return variablePrefix + strings.ToUpper(key) }

// UnknownVariable is an environment variable with the prefix MEET_ that is not a setting.
type UnknownVariable struct {
	Name    string
	Closest string // the most similar variable of a setting, "" if none is similar
}

// unknownVariables returns the MEET_ variables that are not settings. They are not an error, because other programs
// may set such variables too.
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

// listenSynonyms are unknown variables that users probably set instead of MEET_LISTEN, because other servers name theirs so.
var listenSynonyms = []string{"MEET_PORT", "MEET_HOST", "MEET_ADDR", "MEET_ADDRESS", "MEET_BIND"}

// closest returns the variable of the setting with the most similar name, or "" if more than a third of the letters
// differ. For the names in listenSynonyms it returns MEET_LISTEN.
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

// serviceLinks match the variables that Kubernetes sets in every container for each service of the namespace. They
// begin with the service's name, so they can look like settings: a service named meet sets MEET_PORT, and one named
// server sets SERVER_PORT (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
var serviceLinks = []struct{ name, value *regexp.Regexp }{
	{regexp.MustCompile(`^[A-Z0-9_]+_SERVICE_HOST$`), regexp.MustCompile(`^[0-9a-f.:]+$`)}, // an IP address
	{regexp.MustCompile(`^[A-Z0-9_]+_SERVICE_PORT(_[A-Z0-9_]+)?$`), regexp.MustCompile(`^[0-9]+$`)},
	{regexp.MustCompile(`^[A-Z0-9_]+_PORT(_[0-9]+_(TCP|UDP|SCTP))?$`), regexp.MustCompile(`^(tcp|udp|sctp)://`)},
	{regexp.MustCompile(`^[A-Z0-9_]+_PORT_[0-9]+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)$`), regexp.MustCompile(`.`)},
}

// isServiceLink reports whether a variable looks as if Kubernetes has set it. This depends on the value too:
// SERVER_PORT=8080 is a setting, but SERVER_PORT=tcp://10.0.0.5:8080 comes from Kubernetes.
func isServiceLink(name, value string) bool {
	for _, link := range serviceLinks {
		if link.name.MatchString(name) && link.value.MatchString(value) {
			return true
		}
	}
	return false
}

package assets

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
)

// GitHubOptions configures a GitHub source. The zero value is a public repository on github.com.
type GitHubOptions struct {
	Branch   string // "" means gh-pages
	Token    string // needed for private repositories; raises the rate limit for others
	APIURL   string // API of a GitHub Enterprise Server; "" means github.com
	PagesURL string // where GitHub Pages serves the branch; "" means owner.github.io, or nowhere if APIURL is set
}

// DefaultBranch is the branch that GitHub Pages publishes by convention.
const DefaultBranch = "gh-pages"

var (
	repositoryName = regexp.MustCompile(`^([A-Za-z0-9-]{1,39})/([A-Za-z0-9._-]{1,100})$`)
	commitSHA      = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
)

// ValidRepository reports whether name has the form owner/name of a GitHub repository.
func ValidRepository(name string) bool { return repositoryName.MatchString(name) }

// NewGitHub returns the source that reads builds from a branch of the GitHub repository named owner/name.
func NewGitHub(repository string, client *http.Client, o GitHubOptions) (Source, error) {
	parts := repositoryName.FindStringSubmatch(repository)
	if parts == nil {
		return nil, invalid("%q is not the name of a GitHub repository; write it as owner/name", repository)
	}
	g := &gitHub{owner: parts[1], name: parts[2], branch: o.Branch, token: o.Token, pagesURL: o.PagesURL, client: github.NewClient(client)}
	if g.branch == "" {
		g.branch = DefaultBranch
	}
	if g.token != "" {
		g.client = g.client.WithAuthToken(g.token)
	}
	if g.pagesURL == "" && o.APIURL == "" {
		g.pagesURL = "https://" + strings.ToLower(g.owner) + ".github.io/"
		if !strings.EqualFold(g.name, g.owner+".github.io") {
			g.pagesURL += g.name + "/"
		}
	}
	if g.pagesURL != "" && !strings.HasSuffix(g.pagesURL, "/") {
		g.pagesURL += "/"
	}
	if o.APIURL != "" {
		var err error
		if g.client, err = g.client.WithEnterpriseURLs(o.APIURL, o.APIURL); err != nil {
			return nil, invalid("%q is not the address of a GitHub server", o.APIURL)
		}
	}
	return g, nil
}

// gitHub is the Source that NewGitHub returns.
type gitHub struct {
	owner, name, branch, token string
	pagesURL                   string // of GitHub Pages, ending with a slash; "" if the branch is not on Pages
	client                     *github.Client
}

// String names the branch and the repository, without the token.
func (g *gitHub) String() string {
	return "branch " + g.branch + " of " + g.client.BaseURL.Host + "/" + g.owner + "/" + g.name
}

// Newest requests the newest commit of the branch and reads its manifest. The request contains
// revision as an ETag, because GitHub accepts a commit's hash as one: if revision is still the newest commit, the
// request does not count towards the rate limit. GitHub Pages may not have published the newest commit yet, so the
// release also names the repository itself as a location of the files.
func (g *gitHub) Newest(ctx context.Context, revision string) (e Release, err error) {
	sha, _, err := g.client.Repositories.GetCommitSHA1(ctx, g.owner, g.name, "heads/"+g.branch, revision)
	if err != nil {
		return e, g.apiError(err, "there is no branch "+g.branch+" in it")
	}
	switch {
	case !commitSHA.MatchString(sha):
		return e, unavailable("%s does not answer as GitHub does when asked for a commit; check --frontend-api-url", g.client.BaseURL.Host)
	case sha == revision:
		return e, ErrUnchanged
	}
	file, _, _, err := g.client.Repositories.GetContents(ctx, g.owner, g.name, manifestName, &github.RepositoryContentGetOptions{Ref: sha})
	if err != nil {
		return e, g.apiError(err, "its branch "+g.branch+" holds no build (no "+manifestName+")")
	}
	content, err := file.GetContent()
	if err != nil || file.GetType() != "file" {
		return e, invalid("%s of %s is no file", manifestName, g)
	}
	e = Release{Revision: sha, Manifest: []byte(content)}
	if g.pagesURL != "" {
		e.Locations = append(e.Locations, Location{URL: g.pagesURL})
	}
	return g.addCommitLocation(e, file.GetDownloadURL()), nil
}

// addCommitLocation appends the location from which the files of the commit can be downloaded. If there is a token, this
// is the API, which also serves private repositories. Otherwise it is the folder of manifestURL, the download address
// that the API gave for the manifest. That address has no rate limit.
func (g *gitHub) addCommitLocation(e Release, manifestURL string) Release {
	if g.token != "" {
		e.Locations = append(e.Locations, Location{
			URL:    g.client.BaseURL.String() + "repos/" + g.owner + "/" + g.name + "/contents/",
			Query:  url.Values{"ref": {e.Revision}}.Encode(),
			Header: http.Header{"Accept": {"application/vnd.github.raw"}, "Authorization": {"Bearer " + g.token}},
		})
		return e
	}
	if u, err := url.Parse(manifestURL); err == nil && u.Host != "" {
		query := u.RawQuery
		u.RawQuery = ""
		e.Locations = append(e.Locations, Location{URL: strings.TrimSuffix(u.String(), manifestName), Query: query})
	}
	return e
}

// apiError translates an error of GitHub's API into one sentence with advice. notFound is a clause that names a possible
// cause of the status 404, other than a missing repository or token.
func (g *gitHub) apiError(err error, notFound string) error {
	host := g.client.BaseURL.Host
	if limit, ok := errors.AsType[*github.RateLimitError](err); ok {
		return rateLimitError(host, limit.Rate.Reset.Time)
	}
	if limit, ok := errors.AsType[*github.AbuseRateLimitError](err); ok {
		wait := time.Minute // what GitHub's documentation recommends without a Retry-After header
		if limit.RetryAfter != nil {
			wait = *limit.RetryAfter
		}
		return rateLimitError(host, time.Now().Add(wait))
	}
	answer, ok := errors.AsType[*github.ErrorResponse](err)
	if !ok {
		return requestError(host, err)
	}
	switch answer.Response.StatusCode {
	case http.StatusNotModified:
		return ErrUnchanged
	case http.StatusUnauthorized:
		return unavailable("%s refuses the token; create a new one and pass it with --frontend-token", host)
	case http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusConflict: // 422 means an unknown branch, 409 an empty repository
		return unavailable("the repository %s/%s does not exist on %s, or needs another token, or %s; check --frontend-repository and --frontend-branch", g.owner, g.name, host, notFound)
	}
	return unavailable("%s answers %q; try again later", host, answer.Response.Status)
}

// rateLimitError returns the error for requests that GitHub refuses until a point in time.
func rateLimitError(host string, until time.Time) error {
	wait := max(time.Minute, time.Until(until).Round(time.Minute))
	return unavailable("the rate limit of %s is used up until %s (%d minutes from now); wait until then, or pass a token with --frontend-token", host, until.Format("15:04 MST"), wait/time.Minute)
}

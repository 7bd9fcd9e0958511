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

// GitHubOptions is what a source on GitHub may be told.
type GitHubOptions struct {
	Branch   string // "" is gh-pages
	Token    string // for private repositories, and for more requests an hour
	APIURL   string // of a GitHub Enterprise Server; "" is github.com
	PagesURL string // where GitHub Pages serves the branch; "" is the usual place, with an Enterprise Server none
}

// DefaultBranch is where GitHub Pages sites are.
const DefaultBranch = "gh-pages"

var (
	repositoryName = regexp.MustCompile(`^([A-Za-z0-9-]{1,39})/([A-Za-z0-9._-]{1,100})$`)
	commitSHA      = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
)

// ValidRepository reports whether that is a repository's name.
func ValidRepository(name string) bool { return repositoryName.MatchString(name) }

// NewGitHub is the source on a branch of a repository owner/name.
func NewGitHub(repository string, client *http.Client, o GitHubOptions) (Source, error) {
	parts := repositoryName.FindStringSubmatch(repository)
	if parts == nil {
		return nil, invalid("%q is no repository on GitHub; name it as owner/name", repository)
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
			return nil, invalid("%q is no address of a GitHub server", o.APIURL)
		}
	}
	return g, nil
}

type gitHub struct {
	owner, name, branch, token string
	pagesURL                   string // ends with a slash; "" is none
	client                     *github.Client
}

func (g *gitHub) String() string {
	return "branch " + g.branch + " of " + g.client.BaseURL.Host + "/" + g.owner + "/" + g.name
}

// Newest asks for the newest commit, which costs nothing of the rate limit when it is the one of before (GitHub takes
// the commit for its ETag), and reads the manifest in it. Pages may lag behind: what it lacks, the commit has.
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

// tree adds the files of the commit itself: the API's, which needs the token of a private repository, or else where
// the API says that its files are downloaded, which is not counted.
func (g *gitHub) addCommitLocation(e Release, manifest string) Release {
	if g.token != "" {
		e.Locations = append(e.Locations, Location{
			URL:    g.client.BaseURL.String() + "repos/" + g.owner + "/" + g.name + "/contents/",
			Query:  url.Values{"ref": {e.Revision}}.Encode(),
			Header: http.Header{"Accept": {"application/vnd.github.raw"}, "Authorization": {"Bearer " + g.token}},
		})
		return e
	}
	if u, err := url.Parse(manifest); err == nil && u.Host != "" {
		query := u.RawQuery
		u.RawQuery = ""
		e.Locations = append(e.Locations, Location{URL: strings.TrimSuffix(u.String(), manifestName), Query: query})
	}
	return e
}

// explain says what GitHub's answer means. notFound completes "…, or".
func (g *gitHub) apiError(err error, notFound string) error {
	host := g.client.BaseURL.Host
	if limit, ok := errors.AsType[*github.RateLimitError](err); ok {
		return rateLimitError(host, limit.Rate.Reset.Time)
	}
	if limit, ok := errors.AsType[*github.AbuseRateLimitError](err); ok {
		wait := time.Minute // what GitHub advises when it does not say
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
		return unavailable("%s refuses the token; make a new one and give it with --frontend-token", host)
	case http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusConflict: // the second for an unknown branch, the third for an empty repository
		return unavailable("the repository %s/%s is not on %s, or may not be seen with this token or without one, or %s; check --frontend-repository and --frontend-branch", g.owner, g.name, host, notFound)
	}
	return unavailable("%s answers %q; try again later", host, answer.Response.Status)
}

func rateLimitError(host string, until time.Time) error {
	wait := max(time.Minute, time.Until(until).Round(time.Minute))
	return unavailable("the rate limit of %s is spent until %s (%d minutes from now); wait until then, or give a token with --frontend-token", host, until.Format("15:04 MST"), wait/time.Minute)
}

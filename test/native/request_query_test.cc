#include "hub/request_query.h"

#include <doctest/doctest.h>

using namespace tickwire::hub;
using Names = std::vector<std::string>;

TEST_CASE("request query: paths below a base") {
  struct Case {
    const char *path, *base, *rest;  // rest null: not below it
  };
  for (const Case& c : {
           Case{"/", "/", ""},
           {"/BTC", "/", "BTC"},
           {"/a/b", "/", "a/b"},
           {"/stream", "/stream", ""},
           {"/stream/", "/stream", ""},
           {"/stream/BTC", "/stream", "BTC"},
           {"/stream/BTC", "/stream/", "BTC"},
           {"/streams", "/stream", nullptr},
           {"/", "/stream", nullptr},
           {"/Stream", "/stream", nullptr},
       }) {
    CAPTURE(c.path);
    std::string_view rest = "unset";
    CHECK(path_below(c.path, c.base, rest) == (c.rest != nullptr));
    if (c.rest != nullptr) CHECK(rest == c.rest);
  }
}

TEST_CASE("request query: topics, keys, token") {
  auto q = parse_query("", "", 10);
  REQUIRE(q);
  CHECK((q->topics.empty() && q->keys.empty() && q->token.empty() && !q->all_topics));
  q = parse_query("a,b%2Fc", "topics=d%2Ce&x=1&keys=K1,K2&topics=a&token=s%3D+1&&y", 10);
  REQUIRE(q);
  CHECK(q->topics == Names{"a", "b/c", "d", "e"});
  CHECK(q->keys == Names{"K1", "K2"});
  CHECK(q->token == "s= 1");
  CHECK_FALSE(q->all_topics);
  q = parse_query("a+b", "topics=c+d&topics=%C3%A4", 10);
  REQUIRE(q);
  CHECK(q->topics == Names{"a+b", "c d", "\xC3\xA4"});
  q = parse_query("", "topics=a,*", 10);
  REQUIRE(q);
  CHECK(q->all_topics);
  CHECK(q->topics.empty());
}

TEST_CASE("request query: what is refused") {
  for (const char* query : {"topics=", "topics", "topics=a,", "topics=,a", "topics=%4", "topics=%zz", "keys=%FF",
                            "token=%C3", "topics=a&topics="}) {
    CAPTURE(query);
    CHECK_FALSE(parse_query("", query, 10));
  }
  CHECK_FALSE(parse_query("a,,b", "", 10));
  CHECK_FALSE(parse_query("%F8", "", 10));
  CHECK_FALSE(parse_query("a,b", "topics=c&keys=d", 3));
  CHECK(parse_query("a,b", "topics=c&keys=d", 4));
  CHECK(parse_query("", "other=%zz&topicsx=%FF", 1));  // nobody else's business
}

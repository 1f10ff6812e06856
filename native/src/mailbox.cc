// Node's thread posts, one worker takes.
#include "mailbox.h"

#include <utility>

namespace vipd {

void Mailbox::post(ServiceMail&& mail) {
  const std::lock_guard lock(mutex_);
  const auto [found, added] = pending_.try_emplace(mail.state->id, std::move(mail));
  if (added) return;  // try_emplace has not moved from `mail` unless it was added
  ServiceMail& last = found->second;
  last.state = std::move(mail.state);
  if (mail.table) last.table = std::move(mail.table);
  last.withdrawn = mail.withdrawn;
  last.live = std::move(mail.live);
  last.kill_all = last.kill_all || mail.kill_all;
  for (Listener& listener : mail.opened) last.opened.push_back(std::move(listener));
  last.kill.insert(last.kill.end(), mail.kill.begin(), mail.kill.end());
}

void Mailbox::post(const SessionKill& kill) {
  const std::lock_guard lock(mutex_);
  if (kills_.size() < kMostKills) kills_.push_back(kill);
}

void Mailbox::post(std::shared_ptr<SessionQuery> query) {
  const std::lock_guard lock(mutex_);
  queries_.push_back(std::move(query));
}

void Mailbox::post(std::vector<Adoption>&& adoptions) {
  const std::lock_guard lock(mutex_);
  for (Adoption& one : adoptions) adoptions_.push_back(std::move(one));
  thaws_ = true;
}

Mail Mailbox::take() {
  Mail taken;
  const std::lock_guard lock(mutex_);
  for (auto& [id, mail] : pending_) taken.services.push_back(std::move(mail));
  pending_.clear();
  taken.kills = std::exchange(kills_, {});
  taken.queries = std::exchange(queries_, {});
  taken.adoptions = std::exchange(adoptions_, {});
  taken.thaws = std::exchange(thaws_, false);
  return taken;
}

}  // namespace vipd
